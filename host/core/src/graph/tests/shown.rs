//! The graph as data and as text for programs that draw.

use expect_test::expect;

use super::{graph, ids};
use crate::graph::drawing::{dot_text, mermaid_text};
use crate::graph::{EdgeKind, Graph};

const SHOP: &str = "
    end 1.0.0-rc.1+b5
    shop 2.0.0: needs store >=1, <2; needs bank; needs gone ^1; may use store--x *; may use disks ~1.2; after end; not old <2
    store 0.9.0
    -bank 1.0.0: after shop-log
    old 1.5.0
    store--x 1.0.0";

#[test]
fn the_view_lists_every_relation_with_its_problems() {
    let graph = graph(SHOP);
    let view = graph.view();
    assert_eq!(view.cycle, None);
    let nodes: Vec<_> = view.nodes.iter().map(|node| &node.id).collect();
    expect!["bank end old store store--x shop"].assert_eq(&ids(&nodes));
    let line = |edge: &crate::graph::Edge| {
        let requirement = edge.requirement.as_ref().map(|requirement| format!(" {requirement}")).unwrap_or_default();
        let problem = edge.in_short().map(|problem| format!(": {problem}")).unwrap_or_default();
        assert_eq!(edge.is_satisfied(), problem.is_empty());
        format!("{} -{}-> {}{requirement}{problem}\n", edge.from, edge.kind.as_str(), edge.to)
    };
    expect![[r#"
        bank -run_after-> shop-log
        shop -dependency-> store >=1, <2: 0.9.0 is installed
        shop -dependency-> bank: disabled
        shop -dependency-> gone ^1: not installed
        shop -optional-> store--x *
        shop -optional-> disks ~1.2
        shop -run_after-> end
        shop -conflict-> old <2: 1.5.0 is installed
    "#]]
    .assert_eq(&view.edges.iter().map(line).collect::<String>());
}

#[test]
fn the_view_of_a_graph_with_a_cycle_contains_all_plugins() {
    let graph = graph("aaa: needs ccc\nbbb: needs ddd\nccc: needs bbb\nddd: needs ccc\neee");
    let view = graph.view();
    let nodes: Vec<_> = view.nodes.iter().map(|node| &node.id).collect();
    expect!["bbb ccc ddd aaa eee"].assert_eq(&ids(&nodes));
    expect!["bbb → ddd → ccc → bbb"].assert_eq(&view.cycle.unwrap().path());
}

#[test]
fn a_graph_is_formatted_for_graphviz() {
    expect![[r#"
        digraph plugins {
          rankdir=LR;
          node [shape=box];
          "bank" [label="bank\n1.0.0, disabled", style=dashed];
          "end" [label="end\n1.0.0-rc.1+b5"];
          "old" [label="old\n1.5.0"];
          "store" [label="store\n0.9.0"];
          "store--x" [label="store--x\n1.0.0"];
          "shop" [label="shop\n2.0.0"];
          "disks" [label="disks\nnot installed", style=dotted];
          "gone" [label="gone\nnot installed", style=dotted];
          "shop-log" [label="shop-log\nnot installed", style=dotted];
          "bank" -> "shop-log" [label="runs after", style=dotted];
          "shop" -> "store" [label="needs >=1, <2\n0.9.0 is installed", color=red];
          "shop" -> "bank" [label="needs\ndisabled", color=red];
          "shop" -> "gone" [label="needs ^1\nnot installed", color=red];
          "shop" -> "store--x" [label="may use *", style=dashed];
          "shop" -> "disks" [label="may use ~1.2", style=dashed];
          "shop" -> "end" [label="runs after", style=dotted];
          "shop" -> "old" [label="conflicts with <2\n1.5.0 is installed", style=bold, arrowhead=tee, color=red];
        }
    "#]]
    .assert_eq(&graph(SHOP).dot());
    expect![[r#"
        digraph plugins {
          rankdir=LR;
          node [shape=box];
        }
    "#]]
    .assert_eq(&Graph::default().dot());
}

#[test]
fn a_graph_is_formatted_for_mermaid() {
    expect![[r#"
        flowchart LR
          n0["bank 1.0.0, disabled"]:::disabled
          n1["end 1.0.0-rc.1+b5"]
          n2["old 1.5.0"]
          n3["store 0.9.0"]
          n4["store--x 1.0.0"]
          n5["shop 2.0.0"]
          n6["disks: not installed"]:::absent
          n7["gone: not installed"]:::absent
          n8["shop-log: not installed"]:::absent
          n0 -.->|"runs after"| n8
          n5 -->|"needs #62;=1, #60;2: 0.9.0 is installed"| n3
          n5 -->|"needs: disabled"| n0
          n5 -->|"needs ^1: not installed"| n7
          n5 -.->|"may use #42;"| n4
          n5 -.->|"may use ~1.2"| n6
          n5 -.->|"runs after"| n1
          n5 --x|"conflicts with #60;2: 1.5.0 is installed"| n2
          linkStyle 1,2,3,7 stroke:red
          classDef disabled stroke-dasharray:6
          classDef absent stroke-dasharray:2
    "#]]
    .assert_eq(&graph(SHOP).mermaid());
    expect![[r#"
        flowchart LR
          classDef disabled stroke-dasharray:6
          classDef absent stroke-dasharray:2
    "#]]
    .assert_eq(&Graph::default().mermaid());
}

#[test]
fn labels_are_escaped() {
    let text = "a\"];\n\\x[<b>|#";
    assert_eq!(dot_text(&[text, "not installed"]), r#""a\"]; \\x[<b>|#\nnot installed""#);
    assert_eq!(mermaid_text(text), r#""a#34;#93;#59;#10;#92;x#91;#60;b#62;#124;#35;""#);
}

#[test]
fn each_kind_of_edge_has_a_name_and_a_verb() {
    let kinds = [EdgeKind::Dependency, EdgeKind::Optional, EdgeKind::RunAfter, EdgeKind::Conflict];
    expect![
        "a needs b (dependency), a may use b (optional), a runs after b (run_after), a conflicts with b (conflict)"
    ]
    .assert_eq(&kinds.map(|kind| format!("a {} b ({})", kind.verb(), kind.as_str())).join(", "));
}

#[test]
fn a_graph_is_drawn_as_a_picture() {
    let svg = graph(SHOP).svg();
    let count = |part: &str| svg.matches(part).count();
    assert_eq!((count("<rect "), count("marker-end=")), (9, 8));
    for part in [
        "<title>shop → bank: needs: disabled</title><path class=\"dependency unmet\"",
        "<title>shop → end: runs after</title><path class=\"run_after\"",
        "<title>shop → store: needs &gt;=1, &lt;2: 0.9.0 is installed</title>",
        "<g class=\"disabled\"><rect ",
        ">1.0.0, disabled</text>",
        ">not installed</text>",
    ] {
        assert!(svg.contains(part), "{part}\n{svg}");
    }
    let empty = Graph::default().svg();
    assert!(empty.starts_with("<svg ") && empty.ends_with("</svg>\n") && !empty.contains("NaN"), "{empty}");
    // A plugin that waits for itself, and plugins that wait for each other.
    let cycle = graph("aaa: needs bbb\nbbb: needs aaa; not aaa\nccc: needs ccc").svg();
    assert_eq!(cycle.matches("marker-end=").count(), 4, "{cycle}");
}

//! Medians and spreads.

/// The value in the middle; the mean of the two in the middle when there are two.
///
/// # Panics
/// When there is none: a table would show a number that was not measured.
pub fn median(values: &[f64]) -> f64 {
    let sorted = sorted(values);
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 { sorted[middle] } else { (sorted[middle - 1] + sorted[middle]) / 2.0 }
}

/// The smallest and the largest.
pub fn range(values: &[f64]) -> (f64, f64) {
    let sorted = sorted(values);
    (sorted[0], sorted[sorted.len() - 1])
}

/// The value that a share of the others does not exceed: 0.99 for the 99th percentile.
pub fn percentile(values: &[f64], share: f64) -> f64 {
    let sorted = sorted(values);
    sorted[((sorted.len() - 1) as f64 * share).round() as usize]
}

/// How much `y` rises for one more of `x`, by least squares; `None` when all `x` are the same.
pub fn slope(points: &[(f64, f64)]) -> Option<f64> {
    let n = points.len() as f64;
    let (x_mean, y_mean) = points.iter().fold((0.0, 0.0), |(xs, ys), (x, y)| (xs + x / n, ys + y / n));
    let (both, square) = points
        .iter()
        .fold((0.0, 0.0), |(both, square), (x, y)| (both + (x - x_mean) * (y - y_mean), square + (x - x_mean).powi(2)));
    (square > 0.0).then(|| both / square)
}

fn sorted(values: &[f64]) -> Vec<f64> {
    assert!(!values.is_empty(), "nothing was measured");
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slope_is_that_of_the_line_through_the_points() {
        let slope_of = |points: &[(f64, f64)]| slope(points).map(|slope| (slope * 1e6).round() / 1e6);
        assert_eq!(slope_of(&[(0.0, 5.0), (10.0, 8.0), (20.0, 11.0)]), Some(0.3));
        assert_eq!(slope_of(&[(1.0, 2.0), (2.0, 1.0), (3.0, 2.0), (4.0, 1.0)]), Some(-0.2));
        assert_eq!((slope_of(&[]), slope_of(&[(1.0, 2.0)])), (None, None));
    }
}

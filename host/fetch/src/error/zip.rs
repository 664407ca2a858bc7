//! Violations of the archive rules.

use host_core::{PathError, Size};

/// The rule that an archive violates. Unprintable characters in names are escaped.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each variant names its fields")]
pub enum ZipError {
    /// The archive exceeds the size limit.
    #[error("archive is larger than {}", Size::new(*max_bytes))]
    TooLarge { max_bytes: u64 },
    /// The archive has no end record.
    #[error(
        "the file is not a complete ZIP archive: it has no end record{}; \
         hint: pack it with `plugin-host pack`, or copy it again if it is cut off",
        looks_like.map(|kind| format!(" and starts like {kind}")).unwrap_or_default()
    )]
    NoEnd {
        /// The kind of file that starts with the same bytes.
        looks_like: Option<&'static str>,
    },
    /// The archive has several end records, so readers may start at different ones.
    #[error(
        "archive has {found} end records, and readers may start at different ones; \
         hint: pack it again with `plugin-host pack`, without a comment and without anything after its end"
    )]
    ManyEnds { found: usize },
    /// The comment does not end the file, is too long, or is not text.
    #[error("archive comment {rule}")]
    Comment { rule: &'static str },
    /// The archive is split into several files.
    #[error("archive is one of several parts; hint: pack it into one file")]
    MultiDisk,
    /// The archive uses ZIP64, the format for large archives, with values that readers may disagree on.
    #[error("archive uses ZIP64 at {place} {rule}; hint: pack files by name instead of from a pipe")]
    Zip64 { place: String, rule: &'static str },
    /// A record extends past the end of the file.
    #[error("archive breaks off in {record} at byte {at}")]
    Truncated { record: &'static str, at: u64 },
    /// Another record was found than expected.
    #[error("expected {record} at byte {at}, found `{found:08x}`")]
    Signature {
        record: &'static str,
        at: u64,
        /// The first four bytes that were found.
        found: u32,
    },
    /// The directory does not end where the end record starts.
    #[error("the directory should end at byte {expected}, where the end record starts, and ends at {found}")]
    DirectoryPlace { expected: u64, found: u64 },
    /// The directory has another number of entries than declared.
    #[error("the directory of {declared} entries ends at byte {found} instead of {expected}")]
    DirectorySize { declared: usize, expected: u64, found: u64 },
    /// The archive exceeds the limit of entries.
    #[error("archive has {found} entries, more than {max_entries}")]
    TooManyEntries { found: usize, max_entries: usize },
    /// The archive has a gap, an overlap, or bytes before or after the records.
    #[error("expected {record} at byte {expected}, found it at {found}: the archive has a gap or an overlap there")]
    Tiling { record: String, expected: u64, found: u64 },
    /// The two headers of an entry differ.
    #[error("`{name}` has {field} `{local}` in front of its data and `{central}` in the directory")]
    Mismatch {
        /// The entry's name in the directory.
        name: String,
        field: &'static str,
        local: String,
        central: String,
    },
    /// The data descriptor, the record after the data, does not match the directory.
    #[error("the record after the data of `{name}` does not match the directory")]
    Descriptor { name: String },
    /// A program that reads the archive as a stream would see another entry in the data.
    #[error(
        "the data of `{name}` contains the signature of a ZIP record, and its size is stated only after the data, so \
         programs that read the archive as a stream find other files in it; \
         hint: pack to a file instead of a pipe, or with compression"
    )]
    SignatureInside { name: String },
    /// An entry uses a compression method other than deflate.
    #[error("`{name}` is packed with method {method} ({method_name}); hint: use deflate or no compression")]
    Method {
        name: String,
        /// The method's number.
        method: u16,
        method_name: &'static str,
    },
    /// An entry declares a newer version of the format than it needs, so some readers skip it.
    #[error(
        "`{name}` declares version {} of the ZIP format but needs only {}, so some readers skip it; \
         hint: pack the archive again, for example with `plugin-host pack`",
        tenths(*version), tenths(*needed)
    )]
    Version {
        name: String,
        /// The declared version, in tenths.
        version: u16,
        /// The needed version, in tenths.
        needed: u16,
    },
    /// An entry is encrypted.
    #[error("`{name}` is encrypted; hint: pack it without a password")]
    Encrypted { name: String },
    /// An entry has a flag that readers interpret differently.
    #[error("`{name}` has unknown flags (`{flags:04x}`)")]
    Flags {
        name: String,
        /// All flags of the entry.
        flags: u16,
    },
    /// An extra field is invalid, or has another name or size than the entry.
    #[error("`{name}` has an extra field `{id:04x}` {rule}")]
    Extra {
        name: String,
        /// The field's number.
        id: u16,
        rule: &'static str,
    },
    /// An entry is a pipe, socket or device.
    #[error("`{name}` is neither a file nor a folder (mode {mode:o}); hint: leave it out of the archive")]
    FileType {
        name: String,
        /// Its Unix mode.
        mode: u32,
    },
    /// A file has the setuid or setgid bit.
    #[error("`{name}` has a set-user or set-group bit (mode {mode:o})")]
    SetId {
        name: String,
        /// Its Unix mode.
        mode: u32,
    },
    /// A folder has data, or an entry is marked as both a folder and a file.
    #[error("`{name}` {rule}")]
    Folder { name: String, rule: &'static str },
    /// The encoding of a name is ambiguous.
    #[error(
        "the name `{name}` {rule}; \
         hint: rename the file, or pack with `plugin-host pack` or another tool that writes names in UTF-8"
    )]
    NameEncoding {
        /// The name with its bad bytes replaced.
        name: String,
        rule: String,
    },
    /// A name has backslashes instead of `/`.
    #[error(
        "`{name}` has backslashes between folder and file. Windows PowerShell 5 (Compress-Archive), the .NET \
         Framework before 4.6.1 and some older tools write them, but the ZIP format requires `/`; hint: pack with \
         `plugin-host pack`, `tar -a -c -f plugin.zip .`, or PowerShell 7"
    )]
    Backslash { name: String },
    /// A part of a name ends like a version number of the system VMS.
    #[error(
        "`{name}` has a part that ends in `;` and digits, which some readers remove as a version number, so that it \
         may replace another file; hint: rename it"
    )]
    VersionSuffix { name: String },
    /// A file is marked as the label of a disk.
    #[error(
        "`{name}` has the DOS attribute of a volume label, so some readers skip it; \
         hint: pack the archive again, for example with `plugin-host pack`"
    )]
    VolumeLabel { name: String },
    /// A name that is not allowed in a tree.
    #[error("{0}; hint: {hint}", hint = .0.remedy())]
    Name(PathError),
    /// Two entries with names that some file systems treat as equal.
    #[error(
        "`{name}` is in the archive twice (names are compared without case and in one Unicode form); \
         hint: remove or rename one of the files, and pack the archive again"
    )]
    Duplicate {
        /// The name of the second entry.
        name: String,
    },
    /// A name is used for both a file and a folder.
    #[error("`{name}` is both a file and a folder")]
    FileAndFolder { name: String },
    /// A name that is reserved by git.
    #[error("`{name}` is a name for git's own data; hint: leave `.git` out of the archive")]
    ForbiddenName { name: String },
    /// The unpacked files exceed the size limit.
    #[error("archive unpacks to more than {}; `{name}` exceeds the limit", Size::new(*max_bytes))]
    UnpackedTooLarge {
        /// The entry that exceeds the limit.
        name: String,
        max_bytes: u64,
    },
    /// The compression ratio of a file is implausibly high.
    #[error("`{name}` declares {bytes} bytes, more than {max_ratio} times its {packed_bytes} packed bytes")]
    Ratio {
        name: String,
        bytes: u64,
        /// The size of the packed data.
        packed_bytes: u64,
        max_ratio: u64,
    },
    /// The unpacked size differs from the declared size.
    #[error("`{name}` declares {declared} bytes and unpacks to {found} or more")]
    Size {
        name: String,
        declared: u64,
        /// The number of bytes that were unpacked.
        found: u64,
    },
    /// The packed data is malformed.
    #[error("the packed data of `{name}` {rule}")]
    Deflate { name: String, rule: &'static str },
    /// The unpacked data does not match its checksum.
    #[error("`{name}` has the checksum `{found:08x}`, declared is `{declared:08x}`; hint: the archive is damaged")]
    Checksum { name: String, declared: u32, found: u32 },
    /// Two ZIP readers see different content.
    #[error("two readers of the archive do not agree on {rule}")]
    Disagree {
        /// The difference.
        rule: &'static str,
    },
    /// The second reader refuses the archive.
    #[error("a second reader refuses the archive")]
    Reader { source: zip::result::ZipError },
}

impl From<PathError> for ZipError {
    fn from(error: PathError) -> ZipError {
        ZipError::Name(error)
    }
}

impl ZipError {
    /// The stable error code for clients, metrics and tests.
    pub fn code(&self) -> &'static str {
        match self {
            ZipError::TooLarge { .. } => "fetch_zip_too_large",
            ZipError::NoEnd { .. } => "fetch_zip_no_end",
            ZipError::ManyEnds { .. } => "fetch_zip_many_ends",
            ZipError::Comment { .. } => "fetch_zip_comment",
            ZipError::MultiDisk => "fetch_zip_multi_disk",
            ZipError::Zip64 { .. } => "fetch_zip_zip64",
            ZipError::Truncated { .. } => "fetch_zip_truncated",
            ZipError::Signature { .. } => "fetch_zip_signature",
            ZipError::DirectoryPlace { .. } => "fetch_zip_directory_place",
            ZipError::DirectorySize { .. } => "fetch_zip_directory_size",
            ZipError::TooManyEntries { .. } => "fetch_zip_too_many_entries",
            ZipError::Tiling { .. } => "fetch_zip_tiling",
            ZipError::Mismatch { .. } => "fetch_zip_mismatch",
            ZipError::Descriptor { .. } => "fetch_zip_descriptor",
            ZipError::SignatureInside { .. } => "fetch_zip_signature_inside",
            ZipError::Method { .. } => "fetch_zip_method",
            ZipError::Version { .. } => "fetch_zip_version",
            ZipError::Encrypted { .. } => "fetch_zip_encrypted",
            ZipError::Flags { .. } => "fetch_zip_flags",
            ZipError::Extra { .. } => "fetch_zip_extra",
            ZipError::FileType { .. } => "fetch_zip_file_type",
            ZipError::SetId { .. } => "fetch_zip_set_id",
            ZipError::Folder { .. } => "fetch_zip_folder",
            ZipError::NameEncoding { .. } => "fetch_zip_name_encoding",
            ZipError::Backslash { .. } => "fetch_zip_backslash",
            ZipError::VersionSuffix { .. } => "fetch_zip_version_suffix",
            ZipError::VolumeLabel { .. } => "fetch_zip_volume_label",
            ZipError::Name(_) => "fetch_zip_name",
            ZipError::Duplicate { .. } => "fetch_zip_duplicate",
            ZipError::FileAndFolder { .. } => "fetch_zip_file_and_folder",
            ZipError::ForbiddenName { .. } => "fetch_zip_forbidden_name",
            ZipError::UnpackedTooLarge { .. } => "fetch_zip_unpacked_too_large",
            ZipError::Ratio { .. } => "fetch_zip_ratio",
            ZipError::Size { .. } => "fetch_zip_size",
            ZipError::Deflate { .. } => "fetch_zip_deflate",
            ZipError::Checksum { .. } => "fetch_zip_checksum",
            ZipError::Disagree { .. } | ZipError::Reader { .. } => "fetch_zip_disagree",
        }
    }
}

/// Formats a version of the ZIP format, which records store in tenths.
fn tenths(version: u16) -> String {
    format!("{}.{}", version / 10, version % 10)
}

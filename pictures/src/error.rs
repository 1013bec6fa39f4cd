//! What can be wrong with a picture.

use std::io;

use image::ImageError;

use crate::Kind;

/// Why a picture is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PictureError {
    /// The bytes open no format that is read here.
    #[error("not a picture: expected PNG, JPEG, GIF, WebP, AVIF or SVG")]
    NotAPicture,
    /// The bytes end before the picture does.
    #[error("the picture is cut short: copy the whole file again")]
    Truncated,
    /// The file is heavier than the limit.
    #[error("the file weighs {bytes} bytes, more than {limit}: export it smaller")]
    TooManyBytes {
        /// Weight of the file, in bytes.
        bytes: u64,
        /// The most that is taken, in bytes.
        limit: u64,
    },
    /// The header declares more pixels than the limit.
    #[error("the picture is {width} x {height}, more than {limit} pixels: export it smaller")]
    TooManyPixels {
        /// Declared width, in pixels.
        width: u32,
        /// Declared height, in pixels.
        height: u32,
        /// The most that is taken, in pixels.
        limit: u64,
    },
    /// A drawing holds something that could run or fetch.
    #[error("unsafe SVG at {line}:{column}: {what}")]
    UnsafeSvg {
        /// The element, attribute or construct at fault.
        what: String,
        /// Line, from 1.
        line: u32,
        /// Column in characters, from 1.
        column: u32,
    },
    /// A drawing is not well-formed XML.
    #[error("malformed SVG at {line}:{column}: {what}")]
    MalformedSvg {
        /// What the XML reader says.
        what: String,
        /// Line, from 1.
        line: u32,
        /// Column in characters, from 1.
        column: u32,
    },
    /// A decoder or an encoder gave up.
    #[error("{kind:?} codec: {message}")]
    Codec {
        /// The format at work.
        kind: Kind,
        /// What the codec says.
        message: String,
    },
}

impl PictureError {
    /// A stable name for the fault, by which messages are found.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotAPicture => "not-a-picture",
            Self::Truncated => "truncated",
            Self::TooManyBytes { .. } => "too-many-bytes",
            Self::TooManyPixels { .. } => "too-many-pixels",
            Self::UnsafeSvg { .. } => "unsafe-svg",
            Self::MalformedSvg { .. } => "malformed-svg",
            Self::Codec { .. } => "codec",
        }
    }

    /// The fault of the codec of `kind`.
    pub(crate) fn codec(kind: Kind, error: impl ToString) -> Self {
        Self::Codec { kind, message: error.to_string() }
    }

    /// The fault behind an error of `image` while it read a `kind`.
    pub(crate) fn reading(kind: Kind, error: &ImageError) -> Self {
        match error {
            ImageError::IoError(error) if error.kind() == io::ErrorKind::UnexpectedEof => Self::Truncated,
            other => Self::codec(kind, other),
        }
    }
}

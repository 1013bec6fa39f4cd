//! The country of an address, by a table that lies on this machine; nobody is asked.

use std::fs;
use std::net::{IpAddr, Ipv6Addr};
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// Two letters (ISO 3166-1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct Country([u8; 2]);

impl Country {
    /// The letters.
    pub fn as_str(&self) -> &str {
        // They are ASCII.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl TryFrom<String> for Country {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        country(&text).ok_or_else(|| format!("`{text}` is no country; write two capital letters, such as FR"))
    }
}

fn country(text: &str) -> Option<Country> {
    let letters: [u8; 2] = text.as_bytes().try_into().ok()?;
    letters.iter().all(u8::is_ascii_uppercase).then_some(Country(letters))
}

/// Ranges of addresses with their countries, in order.
#[derive(Debug, Default)]
pub struct Countries(Vec<Range>);

#[derive(Debug, Clone, Copy)]
struct Range {
    start: u128,
    end: u128,
    country: Country,
}

/// A table of countries that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CountriesError {
    /// It cannot be read.
    #[error("{path}: {source}; it is the country table that site.toml names")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A line is no range.
    #[error("{path}:{line}: `{found}` is not start,end,country (example: 192.0.2.0,192.0.2.255,FR)")]
    Line {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What stands there, cut short.
        found: String,
    },
}

impl Countries {
    /// Reads a CSV of `start,end,country` lines, addresses of either family, countries as two letters (ISO 3166-1).
    ///
    /// # Errors
    /// [`CountriesError`], with the line.
    pub fn read(path: &Path) -> Result<Self, CountriesError> {
        let text = fs::read_to_string(path)
            .map_err(|source| CountriesError::File { path: path.to_owned(), source })?;
        let lines =
            text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'));
        let mut ranges = Vec::new();
        for (index, line) in lines {
            let wrong = || CountriesError::Line {
                path: path.to_owned(),
                line: index + 1,
                found: line.chars().take(60).collect(),
            };
            ranges.push(range(line).ok_or_else(wrong)?);
        }
        ranges.sort_by_key(|range| range.start);
        Ok(Self(ranges))
    }

    /// The country of an address.
    pub fn of(&self, address: IpAddr) -> Option<Country> {
        let address = wide(address);
        let after = self.0.partition_point(|range| range.start <= address);
        self.0[..after].last().filter(|range| address <= range.end).map(|range| range.country)
    }

    /// The first and last address of each range of some countries.
    pub fn ranges(&self, of: &[Country]) -> impl Iterator<Item = (IpAddr, IpAddr)> {
        let address = |bits: u128| IpAddr::from(Ipv6Addr::from(bits));
        let ranges = self.0.iter().filter(|range| of.contains(&range.country));
        ranges.map(move |range| (address(range.start), address(range.end)))
    }
}

fn wide(address: IpAddr) -> u128 {
    u128::from(match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    })
}

fn range(line: &str) -> Option<Range> {
    let mut fields = line.split(',').map(|field| field.trim().trim_matches('"'));
    let mut next = || Some(wide(fields.next()?.parse().ok()?));
    let (start, end) = (next()?, next()?);
    let country = country(fields.next()?)?;
    (start <= end).then_some(Range { start, end, country })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_the_country_of_its_range() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c.csv");
        fs::write(
            &path,
            "# made up\n192.0.2.0,192.0.2.255,FR\n2001:db8::,2001:db8:0:ffff:ffff:ffff:ffff:ffff,BE\n",
        )
        .unwrap();
        let countries = Countries::read(&path).unwrap();
        let of =
            |address: &str| countries.of(address.parse().unwrap()).map(|country| country.as_str().to_owned());
        assert_eq!(
            (of("192.0.2.77"), of("::ffff:192.0.2.77"), of("198.51.100.1")),
            (Some("FR".into()), Some("FR".into()), None)
        );
        assert_eq!((of("2001:db8::7"), of("2001:db9::7")), (Some("BE".into()), None));
        let wanted = [country("BE").unwrap()];
        let mut ranges = countries.ranges(&wanted);
        assert_eq!(ranges.next().unwrap().0.to_string(), "2001:db8::");
        assert!(ranges.next().is_none());
        fs::write(&path, "192.0.2.0,192.0.2.255,FR\n192.0.2.9,192.0.2.1,FR\n").unwrap();
        assert!(Countries::read(&path).unwrap_err().to_string().contains("c.csv:2: "));
        assert!(Countries::read(&folder.path().join("none")).is_err());
    }
}

//! The components of the program, as CycloneDX 1.6 (ECMA-424) in JSON, from the lock file that it was built with.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

/// The lock file of this build.
const LOCK: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.lock"));

#[derive(Deserialize)]
struct Lock {
    package: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    source: Option<String>,
    checksum: Option<String>,
    #[serde(default)]
    dependencies: Vec<String>,
}

/// The bill of materials of this build.
///
/// # Errors
/// What is wrong with the lock file.
pub fn cyclonedx() -> Result<Value, String> {
    from_lock(LOCK)
}

fn from_lock(lock: &str) -> Result<Value, String> {
    let lock: Lock = toml::from_str(lock).map_err(|error| error.to_string())?;
    let mut by_name: BTreeMap<&str, Vec<&Package>> = BTreeMap::new();
    for package in &lock.package {
        by_name.entry(&package.name).or_default().push(package);
    }
    let components: Vec<Value> =
        lock.package.iter().filter(|one| one.source.is_some()).map(component).collect();
    let depend = |package: &Package| -> Result<Value, String> {
        let on = package.dependencies.iter().map(|told| resolved(&by_name, told).map(reference));
        Ok(json!({ "ref": reference(package), "dependsOn": on.collect::<Result<Vec<_>, _>>()? }))
    };
    let root = by_name.get("aops").and_then(|named| named.first()).map(|package| {
        json!({ "type": "application", "bom-ref": reference(package), "name": package.name, "version": package.version })
    });
    Ok(json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": { "component": root },
        "components": components,
        "dependencies": lock.package.iter().map(depend).collect::<Result<Vec<_>, _>>()?,
    }))
}

fn component(package: &Package) -> Value {
    let mut component = json!({
        "type": "library",
        "bom-ref": reference(package),
        "name": package.name,
        "version": package.version,
        "purl": reference(package),
    });
    if let Some(checksum) = &package.checksum {
        component["hashes"] = json!([{ "alg": "SHA-256", "content": checksum }]);
    }
    component
}

/// Its package URL (purl-spec, `cargo`).
fn reference(package: &Package) -> String {
    // Build metadata begins with a sign that means a space in an address.
    format!("pkg:cargo/{}@{}", package.name, package.version.replace('+', "%2B"))
}

/// A dependency as the lock file writes it: `name`, or `name version` where there are several.
fn resolved<'a>(by_name: &BTreeMap<&str, Vec<&'a Package>>, told: &str) -> Result<&'a Package, String> {
    let mut words = told.split(' ');
    let (name, version) = (words.next().unwrap_or_default(), words.next());
    let named = by_name.get(name).into_iter().flatten();
    let found = named.copied().find(|package| version.is_none_or(|version| package.version == version));
    found.ok_or_else(|| format!("Cargo.lock names `{told}`, which is no package of it"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_package_of_a_registry_is_a_component_with_its_digest_and_what_it_depends_on() {
        let bom = cyclonedx().unwrap();
        let components = bom["components"].as_array().unwrap();
        let rustls = components.iter().find(|one| one["name"] == "rustls").unwrap();
        assert_eq!(rustls["hashes"][0]["content"].as_str().unwrap().len(), 64);
        assert!(rustls["purl"].as_str().unwrap().starts_with("pkg:cargo/rustls@0.23"), "{rustls}");
        assert!(components.iter().all(|one| !one["name"].as_str().unwrap().starts_with("aops")));
        let references: Vec<&str> =
            bom["dependencies"].as_array().unwrap().iter().map(|one| one["ref"].as_str().unwrap()).collect();
        let mut once = references.clone();
        once.sort_unstable();
        once.dedup();
        assert_eq!(once.len(), references.len(), "a reference names one package");
        assert_eq!(bom["metadata"]["component"]["name"], "aops");
        assert_eq!(cyclonedx().unwrap().to_string(), bom.to_string());
    }

    #[test]
    fn a_lock_file_that_names_what_is_not_there_is_told() {
        let lock = "[[package]]\nname = \"a\"\nversion = \"1\"\ndependencies = [\"b\"]\n";
        assert!(from_lock(lock).unwrap_err().contains("`b`"));
    }
}

//! Where outlay keeps what it remembers, and where it looks for the user's settings.
//!
//! `OUTLAY_HOME` holds both; else the folders of the XDG base directory specification. Nothing is created here: only a
//! command that has something to keep does that.

use std::path::PathBuf;

/// The two folders; `None` where the process has no home.
#[derive(Debug, Clone, Default)]
pub(crate) struct Home {
    /// What is remembered: the history of prices.
    pub(crate) data: Option<PathBuf>,
    /// What the user wrote: `prices.toml`.
    pub(crate) config: Option<PathBuf>,
}

impl Home {
    /// As the environment says.
    pub(crate) fn from_env(env: &dyn Fn(&str) -> Option<String>) -> Self {
        let set = |name: &str| env(name).filter(|value| !value.trim().is_empty()).map(PathBuf::from);
        if let Some(home) = set("OUTLAY_HOME") {
            return Self { data: Some(home.clone()), config: Some(home) };
        }
        let home = || set("HOME").or_else(|| set("USERPROFILE"));
        let folder = |xdg: &str, usual: &str| {
            // The specification: a path that is not absolute is to be ignored.
            let base = set(xdg).filter(|path| path.is_absolute()).or_else(|| home().map(|home| home.join(usual)));
            base.map(|base| base.join("outlay"))
        };
        Self { data: folder("XDG_DATA_HOME", ".local/share"), config: folder("XDG_CONFIG_HOME", ".config") }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::Home;

    #[test]
    fn folders_by_environment() {
        let of = |set: &[(&str, &str)]| {
            let all: Vec<(String, String)> = set.iter().map(|(n, v)| ((*n).into(), (*v).into())).collect();
            Home::from_env(&move |name| all.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone()))
        };
        let own = of(&[("OUTLAY_HOME", "/o"), ("HOME", "/h")]);
        assert_eq!((own.data.as_deref(), own.config.as_deref()), (Some(Path::new("/o")), Some(Path::new("/o"))));
        let usual = of(&[("HOME", "/h"), ("XDG_DATA_HOME", "relative")]);
        assert_eq!(usual.data.as_deref(), Some(Path::new("/h/.local/share/outlay")));
        assert_eq!(usual.config.as_deref(), Some(Path::new("/h/.config/outlay")));
        assert_eq!(of(&[("XDG_DATA_HOME", "/d")]).data.as_deref(), Some(Path::new("/d/outlay")));
        assert!(of(&[]).data.is_none());
    }
}

//! How each language is written.

use std::sync::LazyLock;

use rand::{Rng, RngExt};

use super::{
    names::{Name, Purpose, camel, pascal, snake},
    template::{Template, read},
};
use crate::config::{Language, Mix};

/// A language as one file has it: React comes with types and without.
#[derive(Debug, Clone, Copy)]
pub(super) struct Flavour {
    language: Language,
    /// Whether it has the types of TypeScript.
    pub(super) typed: bool,
}

impl Mix {
    /// Draws a language by its weight.
    pub(super) fn draw(&self, rng: &mut impl Rng) -> Language {
        let total: f64 = Language::ALL.iter().map(|language| self.weight(*language)).sum();
        let drawn = rng.random::<f64>() * total;
        let mut reached = 0.0;
        let mut last = Language::Javascript;
        for language in Language::ALL.into_iter().filter(|language| self.weight(*language) > 0.0) {
            reached += self.weight(language);
            last = language;
            if drawn < reached {
                break;
            }
        }
        // rounding may leave the sum a hair below what is drawn
        last
    }
}

impl Flavour {
    /// Half of all components have types.
    pub(super) fn draw(language: Language, rng: &mut impl Rng) -> Self {
        let typed = match language {
            Language::Javascript | Language::Python => false,
            Language::Typescript => true,
            Language::React => rng.random_bool(0.5),
        };
        Self { language, typed }
    }

    /// All of its templates.
    pub(super) fn templates(self) -> &'static [Template] {
        static JAVASCRIPT: LazyLock<Vec<Template>> = LazyLock::new(|| known(include_str!("javascript.txt")));
        static PYTHON: LazyLock<Vec<Template>> = LazyLock::new(|| known(include_str!("python.txt")));
        static REACT: LazyLock<Vec<Template>> = LazyLock::new(|| known(include_str!("react.txt")));
        match self.language {
            Language::Javascript | Language::Typescript => &JAVASCRIPT,
            Language::Python => &PYTHON,
            Language::React => &REACT,
        }
    }

    /// What something of this name is for, and the words of its name.
    pub(super) fn role(self, name: &Name) -> (Purpose, Vec<&'static str>) {
        match self.language {
            Language::React => name.of_component(),
            Language::Javascript | Language::Typescript | Language::Python => name.of_function(),
        }
    }

    /// Whether names are written `like_this`.
    pub(super) fn is_snake(self) -> bool {
        self.language == Language::Python
    }

    /// What begins a comment.
    pub(super) fn comment(self) -> &'static str {
        if self.is_snake() { "#" } else { "//" }
    }

    /// The empty lines between functions.
    pub(super) fn gap(self) -> &'static str {
        if self.is_snake() { "\n\n" } else { "\n" }
    }

    /// The name of the file with a function of this name.
    pub(super) fn file(self, words: &[&str]) -> String {
        let mut name = String::new();
        let extension = match (self.language, self.typed) {
            (Language::Python, _) => {
                snake(words, &mut name);
                ".py"
            }
            (Language::React, typed) => {
                pascal(words, &mut name);
                if typed { ".tsx" } else { ".jsx" }
            }
            (Language::Javascript | Language::Typescript, typed) => {
                camel(words, &mut name);
                if typed { ".ts" } else { ".js" }
            }
        };
        name.push_str(extension);
        name
    }

    /// A line that imports names from a module, or the module.
    pub(super) fn import(self, module: &str, names: &[String]) -> String {
        let names = names.join(", ");
        if self.is_snake() {
            return if names.is_empty() {
                format!("import {module}\n")
            } else {
                format!("from {module} import {names}\n")
            };
        }
        match module.strip_prefix("type ") {
            Some(module) => format!("import type {{ {names} }} from '{module}';\n"),
            None => format!("import {{ {names} }} from '{module}';\n"),
        }
    }
}

fn known(text: &str) -> Vec<Template> {
    read(text).expect("the templates are part of the program")
}

//! Splits a source file into its code, the texts of its string literals, and its comments.
//!
//! Enough of Rust's and Lua's lexical rules for words to be looked up; it does not check anything.

/// A source file in three layers. Each has as many lines as the file, so that a line number counts in all of them.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct SourceLayers {
    pub(super) code: String,
    pub(super) texts: String,
    pub(super) comments: String,
}

/// What the lexer is in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Layer {
    Code,
    Text,
    Comment,
}

impl SourceLayers {
    /// Reads Rust.
    pub(super) fn of_rust(source: &str) -> Self {
        Self::read(source, |rest, before| {
            if let Some(end) = rest.strip_prefix("//").map(|_| line_end(rest)) {
                return Some((Layer::Comment, 2, end, end));
            }
            if rest.starts_with("/*") {
                let end = block_comment_end(rest);
                return Some((Layer::Comment, 2, end, end));
            }
            // A raw string: `r"…"`, `r#"…"#`; `br` is read as `b` and then this.
            let hashes = rest.strip_prefix('r').map(|rest| rest.len() - rest.trim_start_matches('#').len());
            if let Some(hashes) = hashes
                && rest[1 + hashes..].starts_with('"')
                && !before.is_some_and(|char| char != 'b' && (char.is_alphanumeric() || char == '_'))
            {
                let start = hashes + 2;
                let close = format!("\"{}", "#".repeat(hashes));
                let length = rest[start..].find(&close).unwrap_or(rest.len() - start);
                return Some((Layer::Text, start, start + length, (start + length + close.len()).min(rest.len())));
            }
            if rest.starts_with('"') {
                return Some(quoted(rest, '"'));
            }
            // A character, and no lifetime: `'a'`, `'\n'`.
            let mut chars = rest.chars();
            let is_char = chars.next() == Some('\'')
                && match chars.next() {
                    Some('\\') => true,
                    Some(_) => chars.next() == Some('\''),
                    None => false,
                };
            is_char.then(|| quoted(rest, '\''))
        })
    }

    /// Reads Lua.
    pub(super) fn of_lua(source: &str) -> Self {
        Self::read(source, |rest, _| {
            if rest.starts_with("--") {
                return Some((Layer::Comment, 2, line_end(rest), line_end(rest)));
            }
            ['"', '\''].into_iter().find(|quote| rest.starts_with(*quote)).map(|quote| quoted(rest, quote))
        })
    }

    /// Reads a file whose prose is everything: settings, scripts, pages.
    pub(super) fn of_prose(source: &str) -> Self {
        let blank: String = source.chars().filter(|char| *char == '\n').collect();
        Self { code: blank.clone(), texts: blank, comments: source.to_owned() }
    }

    /// `next` looks at the rest of the source, with the character before it. Where a comment or a text begins, it gives
    /// the layer, where its content begins and ends, and where it ends itself, in bytes.
    fn read(source: &str, next: impl Fn(&str, Option<char>) -> Option<(Layer, usize, usize, usize)>) -> Self {
        let mut layers = Self::default();
        let (mut at, mut before) = (0, None);
        while let Some(char) = source[at..].chars().next() {
            if let Some((layer, start, content_end, end)) = next(&source[at..], before) {
                layers.push(layer, &source[at + start..at + content_end]);
                at += end.max(1);
                before = None;
            } else {
                layers.push(Layer::Code, &source[at..at + char.len_utf8()]);
                at += char.len_utf8();
                before = Some(char);
            }
        }
        layers
    }

    /// Appends to one layer, and the same line ends to the others. A space separates what was not next to it.
    fn push(&mut self, layer: Layer, content: &str) {
        let lines: String = content.chars().filter(|char| *char == '\n').collect();
        for (own, text) in
            [(Layer::Code, &mut self.code), (Layer::Text, &mut self.texts), (Layer::Comment, &mut self.comments)]
        {
            text.push_str(if own == layer { content } else { &lines });
            if layer != Layer::Code && (own == layer || own == Layer::Code) {
                text.push(' ');
            }
        }
    }
}

fn line_end(rest: &str) -> usize {
    rest.find('\n').unwrap_or(rest.len())
}

/// The end of a block comment; Rust's nest.
fn block_comment_end(rest: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < rest.len() {
        if rest[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += rest[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    rest.len()
}

/// A literal between two of `quote`, with escapes.
fn quoted(rest: &str, quote: char) -> (Layer, usize, usize, usize) {
    let mut escaped = false;
    for (at, char) in rest.char_indices().skip(1) {
        if !escaped && char == quote {
            return (Layer::Text, 1, at, at + 1);
        }
        escaped = !escaped && char == '\\';
    }
    (Layer::Text, 1, rest.len(), rest.len())
}

#[test]
fn rust_is_split_into_code_texts_and_comments() {
    let source = "fn a<'x>(b: &'x str) { // one \"c\"\n  let d = \"e // f \\\" g\"; let h = 'i';\n  /* j\n /* k */ */ r#\"l \"m\"\"#;\n}\n";
    let layers = SourceLayers::of_rust(source);
    assert_eq!(layers.code, "fn a<'x>(b: &'x str) {  \n  let d =  ; let h =  ;\n  \n   ;\n}\n");
    assert_eq!(layers.texts.split_whitespace().collect::<Vec<_>>(), ["e", "//", "f", "\\\"", "g", "i", "l", "\"m\""]);
    assert_eq!(layers.comments.split_whitespace().collect::<Vec<_>>(), ["one", "\"c\"", "j", "/*", "k", "*/", "*/"]);
    for layer in [&layers.code, &layers.texts, &layers.comments] {
        assert_eq!(layer.lines().count(), source.lines().count());
    }
}

#[test]
fn lua_is_split_into_code_texts_and_comments() {
    let layers = SourceLayers::of_lua("local a = 'b' -- c's\nreturn redis.call(\"GET\", a)\n");
    assert_eq!(layers.code, "local a =    \nreturn redis.call( , a)\n");
    assert_eq!(layers.texts, "b \nGET \n");
    assert_eq!(layers.comments, " c's \n\n");
}

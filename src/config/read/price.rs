//! `[price]`.

use super::{super::Price, fields::Fields, leaf};

const MISSING: &str = "add `per_hour = 0.69`, or `per_million_input_tokens` and `per_million_output_tokens`";

/// The two forms: of an hour, or of a million tokens.
const HOUR: &str = "per_hour";
const TOKENS: [&str; 2] = ["per_million_input_tokens", "per_million_output_tokens"];

/// Reads a price: of an hour, or of tokens. Tokens of the kind without a price cost nothing.
pub(super) fn price(mut fields: Fields<'_>) -> Option<Price> {
    let by_token = TOKENS.into_iter().find(|key| fields.node(key).is_some());
    let forms: &[&'static str] = match by_token {
        Some(given) => &[HOUR, given],
        None => &[HOUR, TOKENS[0], TOKENS[1]],
    };
    let form = fields.variant(forms, MISSING, "keep the price of the hour, or that of the tokens");
    let price = match form {
        Some(HOUR) => fields.get(HOUR, leaf::positive).map(Price::PerHour),
        Some(_) => {
            let [input, output] = TOKENS.map(|key| match fields.node(key) {
                Some(_) => fields.get(key, leaf::not_negative),
                None => Some(0.0),
            });
            input.zip(output).map(|(input, output)| Price::PerMillionTokens { input, output })
        }
        None => None,
    };
    fields.finish();
    price
}

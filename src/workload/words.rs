//! The words of made-up text: short, common and lower case, so that most byte-pair tokenizers have each of them as
//! one token.
//!
//! The lists decide what a seed means. Changing one changes every prompt and so every experiment: raise
//! [`CONTENT`](super::CONTENT) with it.

/// Things. Their number is the base in which a prompt's title writes its sequence number.
#[rustfmt::skip]
pub(super) const NOUNS: [&str; 256] = [
    "account", "actor", "afternoon", "age", "air", "animal", "answer", "apple", "area", "argument",
    "army", "arrow", "artist", "aunt", "author", "autumn", "baby", "ball", "bank", "base", "basket",
    "beach", "bear", "bed", "bell", "bench", "bird", "board", "boat", "body", "bone", "book",
    "border", "bottle", "bottom", "bowl", "box", "boy", "branch", "bread", "bridge", "brother",
    "brush", "building", "business", "butter", "button", "cabin", "cake", "camera", "camp", "captain",
    "car", "card", "carpet", "cart", "case", "castle", "cat", "cattle", "cause", "center", "chain",
    "chair", "chance", "chapter", "child", "church", "circle", "city", "class", "clock", "cloth",
    "cloud", "coach", "coast", "coat", "coffee", "college", "color", "company", "computer", "cook",
    "corn", "corner", "cottage", "cotton", "council", "country", "couple", "course", "court",
    "cousin", "cow", "crowd", "crown", "cup", "current", "curtain", "daughter", "day", "deal",
    "decision", "deer", "desk", "detail", "dinner", "direction", "doctor", "dog", "door", "dream",
    "dress", "driver", "dust", "eagle", "ear", "earth", "edge", "editor", "effort", "egg", "engine",
    "engineer", "evening", "event", "evidence", "eye", "face", "fact", "factory", "family", "farm",
    "farmer", "father", "feather", "fence", "field", "figure", "film", "finger", "fire", "fish",
    "floor", "flower", "food", "forest", "fork", "friend", "fruit", "future", "game", "garden",
    "gate", "gift", "girl", "glass", "glove", "government", "grain", "grass", "group", "guard",
    "guest", "guide", "guitar", "hall", "hammer", "hand", "harbor", "hat", "heart", "hill", "history",
    "hole", "home", "honey", "horse", "hospital", "hotel", "hour", "house", "hunter", "ice", "idea",
    "island", "jacket", "job", "journal", "journey", "judge", "juice", "key", "king", "kitchen",
    "knife", "lady", "lake", "lamp", "language", "law", "lawyer", "leader", "leaf", "lemon", "lesson",
    "letter", "library", "light", "line", "lion", "list", "machine", "map", "market", "master",
    "meadow", "meal", "memory", "message", "metal", "milk", "mill", "minute", "mirror", "model",
    "moment", "money", "monkey", "moon", "morning", "mother", "mountain", "music", "neighbor",
    "night", "novel", "number", "ocean", "office", "owner", "paper", "parent", "park", "path",
    "person", "picture", "pilot", "place", "planet", "plant", "poem", "poet", "river", "road",
    "school",
];

/// What one thing did to another: past tense needs no agreement.
#[rustfmt::skip]
pub(super) const VERBS: [&str; 96] = [
    "accepted", "answered", "asked", "avoided", "bought", "brought", "built", "called", "carried",
    "carved", "caught", "changed", "checked", "chose", "cleaned", "closed", "copied", "counted",
    "covered", "crossed", "described", "discovered", "drew", "drove", "entered", "expected",
    "explained", "filled", "finished", "followed", "forgot", "found", "gave", "greeted", "guarded",
    "heard", "held", "helped", "hid", "hired", "improved", "invited", "joined", "kept", "knew",
    "learned", "left", "liked", "lost", "loved", "made", "measured", "mended", "met", "missed",
    "moved", "named", "needed", "noticed", "offered", "opened", "ordered", "owned", "painted",
    "passed", "planned", "played", "praised", "prepared", "promised", "protected", "pulled", "pushed",
    "raised", "reached", "remembered", "rented", "repaired", "returned", "saved", "saw", "sent",
    "shared", "showed", "sold", "studied", "taught", "touched", "trusted", "turned", "used",
    "visited", "wanted", "warmed", "watched", "welcomed",
];

/// What things are like.
#[rustfmt::skip]
pub(super) const ADJECTIVES: [&str; 128] = [
    "able", "ancient", "angry", "bitter", "black", "blue", "brave", "bright", "broad", "broken",
    "brown", "busy", "calm", "careful", "cheap", "clean", "clear", "clever", "cold", "common", "cool",
    "curious", "dark", "dear", "deep", "distant", "dry", "early", "eastern", "easy", "empty",
    "entire", "famous", "fast", "final", "fine", "flat", "foreign", "formal", "free", "fresh",
    "friendly", "full", "gentle", "golden", "good", "grand", "gray", "great", "green", "happy",
    "hard", "heavy", "hidden", "high", "hollow", "honest", "hot", "huge", "hungry", "kind", "large",
    "late", "lazy", "local", "lonely", "long", "loud", "lovely", "low", "lucky", "modern", "narrow",
    "new", "nice", "noble", "northern", "old", "open", "orange", "pale", "plain", "pleasant",
    "polite", "poor", "proud", "public", "quick", "quiet", "rare", "red", "rich", "rough", "round",
    "royal", "sad", "safe", "secret", "serious", "sharp", "short", "silent", "silver", "simple",
    "slow", "small", "smooth", "soft", "southern", "special", "steady", "strange", "strong", "sudden",
    "sweet", "tall", "tiny", "tired", "warm", "weak", "western", "wet", "white", "wide", "wild",
    "wise", "yellow", "young",
];

/// How often and how.
#[rustfmt::skip]
pub(super) const ADVERBS: [&str; 12] = [
    "again", "always", "finally", "gladly", "never", "often", "once", "quickly", "quietly", "slowly",
    "soon", "suddenly",
];

/// Where.
#[rustfmt::skip]
pub(super) const PREPOSITIONS: [&str; 16] = [
    "above", "across", "after", "against", "before", "behind", "below", "beside", "beyond", "inside",
    "near", "outside", "over", "through", "toward", "under",
];

/// Which one; `the` as often as people write it, and no `a`, which would have to look ahead.
#[rustfmt::skip]
pub(super) const DETERMINERS: [&str; 16] = [
    "another", "each", "every", "her", "his", "my", "one", "our", "some", "that", "the", "their",
    "this", "your", "the", "the",
];

/// Between two clauses.
#[rustfmt::skip]
pub(super) const CONJUNCTIONS: [&str; 8] = [
    "and", "because", "but", "so", "until", "when", "where", "while",
];

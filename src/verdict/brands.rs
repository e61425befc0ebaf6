//! Names that phishing borrows, and the domains that are really theirs.

/// A brand: how it is named in text (lower case, words parted by one space), and
/// the registrable labels it owns (under a country ending or .com, .net, .org).
pub(super) struct Brand {
    pub names: &'static [&'static str],
    pub labels: &'static [&'static str],
    /// The name is also an ordinary word or a person's name: it counts only
    /// beside a word like "support" or "account".
    pub common: bool,
}

const fn brand(names: &'static [&'static str], labels: &'static [&'static str]) -> Brand {
    Brand {
        names,
        labels,
        common: false,
    }
}

const fn common(names: &'static [&'static str], labels: &'static [&'static str]) -> Brand {
    Brand {
        names,
        labels,
        common: true,
    }
}

/// The table. Order matters only for speed.
pub(super) const BRANDS: &[Brand] = &[
    brand(
        &["paypal"],
        &[
            "paypal",
            "paypalobjects",
            "paypal-notification",
            "paypalcorp",
        ],
    ),
    brand(
        &["amazon", "amazon prime"],
        &[
            "amazon",
            "amazonaws",
            "amazonses",
            "media-amazon",
            "aboutamazon",
            "primevideo",
            "amzn",
        ],
    ),
    brand(
        &[
            "microsoft",
            "office 365",
            "office365",
            "microsoft 365",
            "outlook",
            "onedrive",
            "sharepoint",
            "microsoft teams",
        ],
        &[
            "microsoft",
            "microsoftonline",
            "office",
            "office365",
            "live",
            "outlook",
            "sharepoint",
            "azure",
            "onedrive",
            "hotmail",
            "windows",
            "xbox",
            "skype",
            "microsoftsupport",
        ],
    ),
    brand(
        &["google", "gmail", "google drive"],
        &[
            "google",
            "gmail",
            "googlemail",
            "youtube",
            "gstatic",
            "googleapis",
            "android",
            "withgoogle",
        ],
    ),
    brand(
        &["icloud", "apple id", "itunes"],
        &["apple", "icloud", "itunes"],
    ),
    brand(&["netflix"], &["netflix", "nflxext", "nflximg"]),
    brand(&["spotify"], &["spotify", "scdn"]),
    brand(&["disney plus", "disney"], &["disney", "disneyplus", "go"]),
    brand(&["dhl"], &["dhl", "dpdhl", "deutschepost", "dhl-news"]),
    brand(&["dpd"], &["dpd", "dpdgroup", "allegromail"]),
    brand(&["fedex"], &["fedex", "fedexemail"]),
    brand(&["usps"], &["usps", "uspis"]),
    brand(&["royal mail"], &["royalmail", "royalmailgroup"]),
    brand(
        &["colissimo", "chronopost", "la poste"],
        &["laposte", "chronopost", "colissimo"],
    ),
    brand(&["correos"], &["correos"]),
    brand(&["deutsche post"], &["deutschepost", "dhl"]),
    brand(&["docusign"], &["docusign"]),
    brand(&["dropbox"], &["dropbox", "dropboxmail", "hellosign"]),
    brand(&["wetransfer"], &["wetransfer"]),
    brand(&["linkedin"], &["linkedin", "licdn", "lnkd"]),
    brand(
        &["facebook", "meta business"],
        &["facebook", "facebookmail", "meta", "metamail", "fb"],
    ),
    brand(
        &["instagram"],
        &["instagram", "facebook", "facebookmail", "meta"],
    ),
    brand(&["whatsapp"], &["whatsapp", "facebook", "facebookmail"]),
    brand(&["coinbase"], &["coinbase"]),
    brand(&["binance"], &["binance"]),
    brand(&["metamask"], &["metamask", "consensys"]),
    brand(&["trust wallet", "trustwallet"], &["trustwallet"]),
    brand(&["ledger live", "trezor"], &["ledger", "trezor"]),
    brand(&["blockchain com", "crypto com"], &["blockchain", "crypto"]),
    brand(&["wells fargo", "wellsfargo"], &["wellsfargo"]),
    brand(&["bank of america"], &["bankofamerica", "bofa"]),
    brand(&["citibank"], &["citi", "citibank"]),
    brand(&["hsbc"], &["hsbc"]),
    brand(&["barclays"], &["barclays", "barclaycard"]),
    brand(&["lloyds bank"], &["lloydsbank"]),
    brand(&["natwest"], &["natwest"]),
    brand(
        &["santander"],
        &["santander", "gruposantander", "santanderbank", "openbank"],
    ),
    brand(&["bbva"], &["bbva"]),
    brand(&["caixabank", "caixa"], &["caixabank", "caixa", "lacaixa"]),
    brand(&["bradesco"], &["bradesco", "bradescoseguros"]),
    brand(&["itau"], &["itau", "itau-unibanco"]),
    brand(&["banco do brasil"], &["bb", "bancodobrasil"]),
    brand(&["nubank"], &["nubank"]),
    brand(
        &["mercado livre", "mercado libre", "mercado pago"],
        &["mercadolivre", "mercadolibre", "mercadopago"],
    ),
    brand(&["livelo"], &["livelo"]),
    brand(&["serasa"], &["serasa", "serasaexperian"]),
    brand(&["receita federal", "nota fiscal"], &["fazenda", "gov"]),
    brand(&["sparkasse"], &["sparkasse"]),
    brand(&["volksbank"], &["volksbank", "vr", "vr-mail"]),
    brand(&["commerzbank", "comdirect"], &["commerzbank", "comdirect"]),
    brand(
        &["deutsche bank", "postbank"],
        &["deutsche-bank", "db", "postbank"],
    ),
    brand(&["targobank"], &["targobank"]),
    brand(&["klarna"], &["klarna"]),
    brand(&["credit agricole"], &["credit-agricole"]),
    brand(&["bnp paribas"], &["bnpparibas"]),
    brand(&["societe generale"], &["societegenerale"]),
    brand(&["unicredit"], &["unicredit", "unicreditgroup"]),
    brand(&["intesa sanpaolo"], &["intesasanpaolo"]),
    brand(
        &["poste italiane", "bancoposta", "postepay"],
        &["poste", "posteitaliane", "postepay"],
    ),
    brand(&["revolut"], &["revolut"]),
    brand(&["western union"], &["westernunion"]),
    brand(&["moneygram"], &["moneygram"]),
    brand(&["american express"], &["americanexpress", "aexp"]),
    brand(&["mastercard"], &["mastercard"]),
    brand(&["ebay"], &["ebay"]),
    brand(&["walmart"], &["walmart"]),
    brand(&["costco"], &["costco"]),
    brand(&["home depot"], &["homedepot"]),
    brand(&["lowe s", "lowes"], &["lowes"]),
    brand(&["ace hardware"], &["acehardware"]),
    brand(&["best buy", "geek squad"], &["bestbuy", "geeksquad"]),
    brand(&["kohls", "kohl s"], &["kohls"]),
    brand(&["cvs pharmacy", "walgreens"], &["cvs", "walgreens"]),
    brand(&["starbucks"], &["starbucks"]),
    brand(&["mcdonald s", "mcdonalds"], &["mcdonalds"]),
    brand(&["lidl"], &["lidl"]),
    brand(
        &["aldi"],
        &["aldi", "aldi-sued", "aldi-nord", "aldi-onlineshop"],
    ),
    brand(&["kaufland"], &["kaufland"]),
    brand(
        &["rewe", "edeka", "rossmann"],
        &["rewe", "edeka", "rossmann", "rewe-group"],
    ),
    brand(
        &["mediamarkt", "media markt"],
        &["mediamarkt", "mediamarktsaturn"],
    ),
    brand(&["ikea"], &["ikea"]),
    brand(&["shein"], &["shein", "sheinemail"]),
    brand(&["temu"], &["temu", "temuemail"]),
    brand(&["aliexpress", "alibaba"], &["aliexpress", "alibaba"]),
    brand(
        &["telekom", "t mobile"],
        &["telekom", "t-online", "t-mobile", "telekom-dienste"],
    ),
    brand(&["vodafone"], &["vodafone"]),
    brand(&["verizon"], &["verizon", "verizonwireless"]),
    brand(&["xfinity", "comcast"], &["xfinity", "comcast"]),
    brand(&["movistar", "telefonica"], &["movistar", "telefonica"]),
    brand(
        &["norton", "lifelock"],
        &["norton", "nortonlifelock", "gendigital", "lifelock"],
    ),
    brand(&["mcafee"], &["mcafee"]),
    brand(&["godaddy"], &["godaddy", "secureserver"]),
    brand(&["ionos", "strato"], &["ionos", "strato", "1und1"]),
    brand(&["cpanel"], &["cpanel"]),
    brand(
        &["adobe", "adobe sign"],
        &["adobe", "adobesign", "echosign"],
    ),
    brand(&["hmrc", "dvla"], &["gov", "hmrc"]),
    brand(&["elster", "finanzamt"], &["elster", "bund", "bzst"]),
    brand(&["agencia tributaria"], &["agenciatributaria", "gob"]),
    brand(
        &["rakuten"],
        &["rakuten", "rakuten-card", "rakuten-sec", "rakuten-bank"],
    ),
    brand(
        &["sbi証券", "楽天", "三井住友", "三菱ufj", "えきねっと"],
        &["sbisec", "rakuten", "smbc", "smbc-card", "mufg", "eki-net"],
    ),
    brand(&["state farm", "geico"], &["statefarm", "geico"]),
    brand(&["airbnb"], &["airbnb"]),
    brand(&["bitcoin era", "bitcoin code"], &["bitcoin"]),
    common(&["apple"], &["apple", "icloud", "itunes"]),
    common(&["chase"], &["chase", "jpmorgan"]),
    common(&["visa"], &["visa"]),
    common(&["ups"], &["ups"]),
    common(
        &["gls", "hermes"],
        &["gls-group", "gls-pakete", "myhermes", "hermesworld"],
    ),
    common(&["ing"], &["ing"]),
    common(&["wise"], &["wise", "transferwise"]),
    common(&["zoom"], &["zoom"]),
    common(&["steam"], &["steampowered", "steamcommunity"]),
    common(&["orange"], &["orange", "orange-business"]),
    common(&["kraken"], &["kraken"]),
    common(&["opensea"], &["opensea"]),
    common(&["target"], &["target"]),
];

/// Words that make a common name mean the brand.
const SERVICE: [&str; 34] = [
    "support",
    "service",
    "services",
    "security",
    "account",
    "konto",
    "cuenta",
    "compte",
    "conta",
    "team",
    "bank",
    "banking",
    "card",
    "rewards",
    "reward",
    "delivery",
    "shipping",
    "paket",
    "package",
    "parcel",
    "alert",
    "alerts",
    "notification",
    "billing",
    "id",
    "help",
    "kundenservice",
    "express",
    "verification",
    "store",
    "online",
    "customer",
    "wallet",
    "survey",
];

impl Brand {
    /// Whether a text in normal form (words between single spaces, with one space
    /// at both ends) names the brand.
    pub fn named_in(&self, padded: &str) -> bool {
        let named = self.names.iter().any(|name| {
            if name.is_ascii() {
                padded.contains(&format!(" {name} "))
            } else {
                padded.contains(name)
            }
        });
        named
            && (!self.common
                || SERVICE
                    .iter()
                    .any(|word| padded.contains(&format!(" {word} "))))
    }

    /// Whether a registrable domain is the brand's own.
    pub fn owns(&self, domain: &str) -> bool {
        let Some((label, ending)) = domain.split_once('.') else {
            return false;
        };
        let ordinary = ending.rsplit('.').next().is_some_and(|end| {
            (end.len() == 2 && !super::hosts::is_odd_tld(end))
                || matches!(end, "com" | "net" | "org" | "gov" | "eu" | "info")
        });
        // a brand's own ending: mail.google, apply.dhl
        let own_ending = self.labels.contains(&ending);
        own_ending || (ordinary && self.labels.contains(&label))
    }

    /// The label that stands as a whole token in a host name, e.g. `paypal` in
    /// `paypal-secure.example` or `paypal.com.example`.
    pub fn token_in(&self, host: &str) -> Option<&'static str> {
        if self.common {
            return None;
        }
        self.labels
            .iter()
            .filter(|label| label.len() >= 4 && !GENERIC.contains(label))
            .find(|label| host.split(['.', '-', '_']).any(|token| token == **label))
            .copied()
    }
}

/// Labels that are words of their own in host names.
const GENERIC: [&str; 22] = [
    "live",
    "office",
    "windows",
    "azure",
    "outlook",
    "meta",
    "crypto",
    "blockchain",
    "apple",
    "poste",
    "target",
    "ledger",
    "orange",
    "wise",
    "zoom",
    "bund",
    "fazenda",
    "citi",
    "android",
    "caixa",
    "norton",
    "bitcoin",
];

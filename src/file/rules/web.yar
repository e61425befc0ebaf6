// Pages that are sent as files, so that no filter of links sees them.

rule html_smuggling {
    meta:
        description = "A page that puts a file together in the browser and saves it"
    strings:
        $page = /<(html|script|body|svg)[\s>]/ nocase
        $blob = "new Blob" nocase
        $save = /\.download\s{0,4}=|setAttribute\(\s{0,4}["']download["']|msSaveOrOpenBlob|msSaveBlob/ nocase
        $url = "createObjectURL" nocase
        $decode = /atob\s{0,4}\(|Uint8Array|fromCharCode|charCodeAt/
        $packed = /[A-Za-z0-9+\/]{400}/
    condition:
        filesize < 30MB and $page and $save and $decode and $packed and ($blob or $url)
}

rule html_password_form_sent_away {
    meta:
        description = "A page that asks for a password and sends it to a server of its own"
    strings:
        $page = /<(html|body|form)[\s>]/ nocase
        $password = /<input[^>]{0,300}type\s{0,4}=\s{0,4}["']?password/ nocase
        $form = /<form[^>]{0,300}action\s{0,4}=\s{0,4}["']?https?:\/\// nocase
        $script = /(fetch|\.ajax|\.post|\.open)\s{0,4}\(.{0,60}https?:\/\//s
        $bot = "api.telegram.org/bot" nocase
    condition:
        filesize < 10MB and $page and $password and ($form or $script or $bot)
}

rule svg_script {
    meta:
        description = "A picture (SVG) whose script decodes itself or leads elsewhere"
    strings:
        $svg = /<svg[\s>]/ nocase
        $script = /<script[\s>]/ nocase
        $hidden = /atob\s{0,4}\(|eval\s{0,4}\(|fromCharCode|unescape\s{0,4}\(/
        $leave = /location(\.href|\.replace|\.assign)?\s{0,4}[=(]/
        $page = /<(html|body)[\s>]/ nocase
    condition:
        filesize < 10MB and $svg and $script and ($hidden or $leave) and not $page
}

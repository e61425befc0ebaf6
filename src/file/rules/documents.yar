// Documents that do more than show text.

rule office_macro_download {
    meta:
        description = "A macro that runs by itself and fetches or starts a program"
    strings:
        $auto = /\b(Auto_?Open|Auto_?Close|AutoExec|Document_Open|DocumentOpen|Document_Close|Workbook_Open|Workbook_Activate)\b/ nocase
        $vba1 = "Attribute VB_Name" nocase
        $vba2 = /\bSub\s{1,4}[A-Za-z_]{1,60}\s{0,4}\(/ nocase
        $fetch1 = "URLDownloadToFile" nocase
        $fetch2 = "XMLHTTP" nocase
        $fetch3 = "WinHttpRequest" nocase
        $fetch4 = "powershell" nocase
        $fetch5 = "ADODB.Stream" nocase
        $fetch6 = /Shell\s{0,4}\(?\s{0,4}["']?(cmd|mshta|wscript|rundll32|certutil|bitsadmin)/ nocase
    condition:
        filesize < 30MB and $auto and any of ($vba*) and any of ($fetch*)
}

rule rtf_equation {
    meta:
        description = "Rich text with an object for the old equation editor (CVE-2017-11882)"
    strings:
        // "Equation.3" and the editor's class identifier, as hexadecimal text
        $name = /4\s{0,3}5\s{0,3}7\s{0,3}1\s{0,3}7\s{0,3}5\s{0,3}6\s{0,3}1\s{0,3}7\s{0,3}4\s{0,3}6\s{0,3}9\s{0,3}6\s{0,3}f\s{0,3}6\s{0,3}e\s{0,3}2\s{0,3}e\s{0,3}3/ nocase
        $class = "02ce020000000000c000000000000046" nocase
        $plain = /\\objclass\s{1,4}Equation\.3/ nocase
        $object = "\\obj" nocase
    condition:
        uint32be(0) & 0xffffff00 == 0x7b5c7200 and $object and ($name or $class or $plain)
}

rule pdf_launch {
    meta:
        description = "A PDF that starts a program"
    strings:
        $head = "%PDF-"
        $launch = /\/(Launch|#4caunch)\b/ nocase
        $action = /\/S\s{0,4}\/Launch\b/
        $target = /\/(Win|F|Unix|Mac)\s{0,4}(<<|\()/
    condition:
        filesize < 30MB and $head in (0..1024) and ($action or ($launch and $target))
}

// Files that run when they are opened.

rule script_dropper {
    meta:
        description = "A script that hides its words, fetches or writes a file, and runs it"
    strings:
        $object = /ActiveXObject|WScript\.CreateObject|CreateObject\s{0,4}\(|GetObject\s{0,4}\(/ nocase
        $fetch1 = "XMLHTTP" nocase
        $fetch2 = "WinHttpRequest" nocase
        $fetch3 = "ADODB.Stream" nocase
        $fetch4 = "powershell" nocase
        $run1 = "WScript.Shell" nocase
        $run2 = "Shell.Application" nocase
        $run3 = "winmgmts:" nocase
        $hide1 = /(chrw?\s{0,4}\(\s{0,4}(&h)?[0-9a-f]{1,4}\s{0,4}\)\s{0,4}&\s{0,4}){3}/ nocase
        $hide2 = /fromCharCode\s{0,4}\(\s{0,4}(0x)?[0-9a-f]{1,4}\s{0,4},/ nocase
        $hide3 = /\.split\(["']{2}\)\.reverse\(\)|StrReverse\s{0,4}\(/ nocase
        $hide4 = /(\\x[0-9a-f]{2}){20}/ nocase
        $hide5 = /\beval\s{0,4}\(|\bExecute(Global)?\s{0,4}\(/ nocase
    condition:
        filesize < 10MB and $object and any of ($fetch*) and any of ($run*) and any of ($hide*)
}

rule powershell_download {
    meta:
        description = "PowerShell that fetches code and runs it at once"
    strings:
        $run = /\biex\b|Invoke-Expression|Start-Process|\[Reflection\.Assembly\]::Load/ nocase
        $fetch = /Net\.WebClient|\.Download(String|File|Data)\s{0,4}\(|Invoke-WebRequest|Invoke-RestMethod|Start-BitsTransfer/ nocase
        $quiet = /-w(in(dowstyle)?)?\s{1,4}(h(idden)?|1)\b|-nop(rofile)?\b|-e(x(ec(utionpolicy)?)?|p)\s{1,4}bypass|-enc(odedcommand)?\s|FromBase64String/ nocase
    condition:
        filesize < 10MB and $run and $fetch and $quiet
}

rule hta_shell {
    meta:
        description = "An HTML application that starts programs"
    strings:
        $hta = "<hta:application" nocase
        $script = /<script[\s>]/ nocase
        $shell = /WScript\.Shell|Shell\.Application|winmgmts:|powershell/ nocase
    condition:
        filesize < 10MB and $hta and $script and $shell
}

rule shortcut_interpreter {
    meta:
        description = "A Windows shortcut that hands a command to an interpreter"
    strings:
        $program1 = "powershell" ascii wide nocase
        $program2 = "mshta" ascii wide nocase
        $program3 = "cmd.exe" ascii wide nocase
        $program4 = "wscript" ascii wide nocase
        $program5 = "rundll32" ascii wide nocase
        $program6 = "curl.exe" ascii wide nocase
        $command1 = "http://" wide nocase
        $command2 = "https://" wide nocase
        $command3 = "-enc" wide nocase
        $command4 = "hidden" wide nocase
        $command5 = "/c " wide nocase
        $command6 = "iex" wide nocase
        $command7 = "%temp%" wide nocase
        $command8 = "javascript:" wide nocase
    condition:
        uint32(0) == 0x4c and uint32(4) == 0x00021401 and filesize < 5MB
        and any of ($program*) and any of ($command*)
}

rule internet_shortcut_remote_program {
    meta:
        description = "An internet shortcut to a file on a stranger's share"
    strings:
        $head = "[InternetShortcut]" nocase
        $share = /URL\s{0,4}=\s{0,4}(file:[\/\\]{2,5}|[\/\\]{2})[a-z0-9.-]{1,200}(@(ssl@)?[0-9]{1,5})?[\/\\]/ nocase
        $search = /URL\s{0,4}=\s{0,4}search(-ms)?:/ nocase
    condition:
        filesize < 64KB and $head and ($share or $search)
}

// Files that carry a program past the reader's eye.

rule onenote_embedded_program {
    meta:
        description = "A OneNote section with a program or script to double-click"
    strings:
        // FileDataStoreObject: its identifier, then 20 bytes, then the file (MS-ONESTORE 2.6.13)
        $program = { E7 16 E3 BD 65 26 11 45 A4 C4 8D 4D 0B 7A 9E AC [20] 4D 5A }
        $shortcut = { E7 16 E3 BD 65 26 11 45 A4 C4 8D 4D 0B 7A 9E AC [20] 4C 00 00 00 01 14 02 00 }
        $file = { E7 16 E3 BD 65 26 11 45 A4 C4 8D 4D 0B 7A 9E AC }
        $script = /@echo off|WScript\.Shell|<hta:application|powershell|CreateObject\s{0,4}\(|<script[\s>]/ nocase
    condition:
        uint32be(0) == 0xe4525c7b and uint32be(4) == 0x8cd8a74d
        and ($program or $shortcut or ($file and $script))
}

rule iso_with_shortcut {
    meta:
        description = "A disc image with a Windows shortcut in it"
    strings:
        $shortcut = { 4C 00 00 00 01 14 02 00 00 00 00 00 C0 00 00 00 00 00 00 46 }
    condition:
        filesize > 32774 and uint32be(32769) == 0x43443030 and uint8(32773) == 0x31 and $shortcut
}

rule archive_double_extension {
    meta:
        description = "An archive with a program whose name ends like a document"
    strings:
        // in the directory of a ZIP the next entry may follow at once
        $name = /\.(pdf|docx?|xlsx?|pptx?|rtf|txt|csv|html?|jpe?g|png|gif|mp3|mp4|zip)[ _]{0,60}\.(exe|scr|pif|com|bat|cmd|js|jse|vbs|vbe|wsf|wsh|hta|lnk|ps1|msi|jar|iso|img)(PK|[^a-z0-9])/ nocase
    condition:
        $name and (
            uint32be(0) == 0x504b0304          // ZIP
            or uint32be(0) == 0x52617221       // RAR
            or uint32be(257) == 0x75737461     // tar
        )
}

rule eicar_test_file {
    meta:
        description = "The EICAR test file, harmless and known to every scanner"
    strings:
        // in hexadecimal, so that this file itself is none
        $text = {
            58 35 4F 21 50 25 40 41 50 5B 34 5C 50 5A 58 35 34 28 50 5E 29 37 43 43 29 37 7D
            24 45 49 43 41 52 2D 53 54 41 4E 44 41 52 44 2D 41 4E 54 49 56 49 52 55 53 2D
            54 45 53 54 2D 46 49 4C 45 21 24 48 2B 48 2A
        }
    condition:
        $text at 0 and filesize <= 128
}

module myriad/examples

go 1.26.3

require myriad v0.0.0

replace myriad => ../

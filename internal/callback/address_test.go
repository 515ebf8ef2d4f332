package callback

import "testing"

// Every way to write an address of the own network is refused, with whatever else ends in a
// number and is no address; a name is not.
func TestPrivateAddresses(t *testing.T) {
	for host, private := range map[string]bool{
		"127.0.0.1": true, "127.1": true, "0x7f.1": true, "0177.0.0.1": true, "2130706433": true, "0x7f000001": true, "127.0.0.1.": true, "10.0.0.1": true, "192.168.1.1": true,
		"172.16.9.9": true, "169.254.169.254": true, "0.0.0.0": true, "0": true, "[::1]": true, "[::]": true, "[fe80::1]": true, "[fd00::1]": true, "[::ffff:10.0.0.1]": true, "localhost": true, "a.Localhost": true, "224.0.0.1": true,
		"1572395022": true, "1.2.3.4.5": true, "256.1": true, "08.0.0.1": true, "example.0x7f": true,
		"93.184.215.14": false, "[2606:2800::1]": false, "example.com": false, "example.com.": false, "0x7f.example": false, "10.example": false,
	} {
		if err := CheckURL("https://"+host+"/x", false); (err != nil) != private {
			t.Errorf("%s: %v", host, err)
		}
		if err := CheckURL("https://"+host+"/x", true); err != nil {
			t.Errorf("%s, allowed: %v", host, err)
		}
	}
}

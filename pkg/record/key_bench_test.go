package record

import "testing"

// BenchmarkMicroKey is what each change and each object key pays for: is the key Netsy's
// own, and a revision's fixed-width form and back.
func BenchmarkMicroKey(b *testing.B) {
	key := []byte("/registry/pods/namespace-00042/pod-007")
	b.Run("reserved", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if IsReserved(key) {
				b.Fatal("it is not Netsy's own")
			}
		}
	})
	b.Run("revision", func(b *testing.B) {
		b.ReportAllocs()
		want := Revision(1 << 40)
		for b.Loop() {
			if got, err := ParseRevisionKey(want.Key()); err != nil || got != want {
				b.Fatal(got, err)
			}
		}
	})
}

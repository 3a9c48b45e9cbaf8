package main

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// verdict is the conclusion from a run.
type verdict struct {
	summary  string
	excepted []exception // that failed, as expected
	err      error       // nil if the target conforms
}

// judge compares results with the exceptions. At least so many tests must have run. If it is 0, only
// some tests were asked for, and nothing is concluded from what didn't run, except when nothing did.
func judge(r *results, exceptions []exception, least int) verdict {
	var v verdict
	var errs []error
	excused := map[testID]exception{}
	for _, x := range exceptions {
		excused[testID{x.pkg, x.test}] = x
	}
	tops, subtests := map[testID]outcome{}, 0
	for id, o := range r.tests {
		if id == id.top() {
			tops[id] = o
		} else {
			subtests++
		}
	}
	counts, failedIn := map[outcome]int{}, map[string]bool{}
	for _, id := range sortedIDs(tops) {
		o := tops[id]
		counts[o]++
		x, isExcused := excused[id]
		bad := o == failed || o == unfinished
		failedIn[id.pkg] = failedIn[id.pkg] || bad
		switch {
		case bad && isExcused:
			v.excepted = append(v.excepted, x)
		case o == unfinished:
			errs = append(errs, fmt.Errorf("%s didn't finish", id))
		case o == failed:
			errs = append(errs, fmt.Errorf("%s failed", id))
		case isExcused:
			errs = append(errs, fmt.Errorf("%s passed: take it off the exceptions (%s)", id, x.reason))
		}
	}
	errs = append(errs, packageErrors(r, failedIn)...)
	errs = append(errs, missing(tops, exceptions, least)...)
	v.summary = fmt.Sprintf("%d tests (and %d subtests) ran: %d passed, %d skipped, %d failed, %d of them known",
		len(tops), subtests, counts[passed], counts[skipped], counts[failed]+counts[unfinished], len(v.excepted))
	v.err = errors.Join(errs...)
	return v
}

// packageErrors reports packages that failed though none of their tests did: they didn't build,
// or a goroutine panicked.
func packageErrors(r *results, failedIn map[string]bool) []error {
	var errs []error
	for _, pkg := range slices.Sorted(maps.Keys(r.packages)) {
		if r.packages[pkg] == failed && !failedIn[pkg] {
			errs = append(errs, fmt.Errorf("package %s failed outside its tests", pkg))
		}
	}
	return errs
}

// missing reports tests that should have run.
func missing(tops map[testID]outcome, exceptions []exception, least int) []error {
	var errs []error
	if len(tops) == 0 {
		errs = append(errs, errors.New("no test ran"))
	}
	if least == 0 {
		return errs
	}
	if len(tops) < least {
		errs = append(errs, fmt.Errorf("%d tests ran, of at least %d", len(tops), least))
	}
	for _, x := range exceptions {
		if _, ran := tops[testID{x.pkg, x.test}]; !ran {
			errs = append(errs, fmt.Errorf("excepted test %s %s doesn't exist", x.pkg, x.test))
		}
	}
	return errs
}

func sortedIDs(tests map[testID]outcome) []testID {
	return slices.SortedFunc(maps.Keys(tests), func(a, b testID) int {
		return cmp.Or(cmp.Compare(a.pkg, b.pkg), cmp.Compare(a.test, b.test))
	})
}

package sms

import (
	"fmt"
	"slices"
	"strings"
)

// Province is a province of the mainland, by the two digits of GB/T 2260; "" is not known.
type Province string

// ProvinceName is what a province is called.
type ProvinceName struct {
	Code   Province
	Zh, En string
}

var provinces = []ProvinceName{
	{"11", "北京", "Beijing"},
	{"12", "天津", "Tianjin"},
	{"13", "河北", "Hebei"},
	{"14", "山西", "Shanxi"},
	{"15", "内蒙古", "Inner Mongolia"},
	{"21", "辽宁", "Liaoning"},
	{"22", "吉林", "Jilin"},
	{"23", "黑龙江", "Heilongjiang"},
	{"31", "上海", "Shanghai"},
	{"32", "江苏", "Jiangsu"},
	{"33", "浙江", "Zhejiang"},
	{"34", "安徽", "Anhui"},
	{"35", "福建", "Fujian"},
	{"36", "江西", "Jiangxi"},
	{"37", "山东", "Shandong"},
	{"41", "河南", "Henan"},
	{"42", "湖北", "Hubei"},
	{"43", "湖南", "Hunan"},
	{"44", "广东", "Guangdong"},
	{"45", "广西", "Guangxi"},
	{"46", "海南", "Hainan"},
	{"50", "重庆", "Chongqing"},
	{"51", "四川", "Sichuan"},
	{"52", "贵州", "Guizhou"},
	{"53", "云南", "Yunnan"},
	{"54", "西藏", "Tibet"},
	{"61", "陕西", "Shaanxi"},
	{"62", "甘肃", "Gansu"},
	{"63", "青海", "Qinghai"},
	{"64", "宁夏", "Ningxia"},
	{"65", "新疆", "Xinjiang"},
}

// Provinces lists them by their codes.
func Provinces() []ProvinceName { return slices.Clone(provinces) }

// ProvinceAt is the province at a place of that list, from 1; 0 and any other is not known.
func ProvinceAt(i int) Province {
	if i < 1 || i > len(provinces) {
		return ""
	}
	return provinces[i-1].Code
}

// Index is the province's place in that list, from 1; 0 is not known.
func (p Province) Index() int {
	i, ok := slices.BinarySearchFunc(provinces, p, func(x ProvinceName, p Province) int { return strings.Compare(string(x.Code), string(p)) })
	if !ok {
		return 0
	}
	return i + 1
}

// ParseProvince reads a code, or a Chinese name with or without 省, 市, 自治区.
func ParseProvince(s string) (Province, error) {
	s = strings.TrimSpace(s)
	for _, p := range provinces {
		rest, ok := strings.CutPrefix(s, p.Zh)
		if s == string(p.Code) || ok && (rest == "" || rest == "省" || rest == "市" || strings.HasSuffix(rest, "自治区")) {
			return p.Code, nil
		}
	}
	return "", fmt.Errorf("%.30q is no province of the mainland: write its code, such as 44, or its name, such as 广东", s)
}

// Coverage is a set of provinces.
type Coverage uint32

// Nationwide is all of them, and numbers whose province is not known.
const Nationwide Coverage = 1<<32 - 1

// ParseCoverage reads codes or names with commas between them; * is the whole country and
// nothing is none.
func ParseCoverage(s string) (c Coverage, err error) {
	if strings.TrimSpace(s) == "" {
		return 0, nil
	}
	for item := range strings.SplitSeq(s, ",") {
		if strings.TrimSpace(item) == "*" {
			return Nationwide, nil
		}
		p, err := ParseProvince(item)
		if err != nil {
			return 0, err
		}
		c |= 1 << p.Index()
	}
	return c, nil
}

// Covers tells whether a province is of the set.
func (c Coverage) Covers(p Province) bool { return c&(1<<p.Index()) != 0 }

// Count is how many provinces are of the set.
func (c Coverage) Count() (n int) {
	for _, p := range provinces {
		if c.Covers(p.Code) {
			n++
		}
	}
	return n
}

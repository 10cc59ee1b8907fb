/** Rules as values, before any firewall's notation: renderers turn them into nftables and iptables-save text. */
export interface Rule {
  /** Flow id, or the name of the guard: stands beside the counter. */
  readonly comment: string;
  /** Addresses and ICMP belong to one family; undefined for rules that look at neither. */
  readonly family?: 4 | 6 | undefined;
  readonly input?: string | undefined;
  readonly output?: string | undefined;
  readonly source?: AddressMatch | undefined;
  readonly destination?: AddressMatch | undefined;
  readonly transport?: 'tcp' | 'udp' | undefined;
  /** `25`, or `8000-8010`. */
  readonly ports?: readonly string[] | undefined;
  readonly icmpTypes?: readonly IcmpType[] | undefined;
  readonly state?: 'new' | 'established' | 'invalid' | undefined;
  /** Matches while the rate is kept. */
  readonly limit?: { readonly perSecond: number; readonly burst: number } | undefined;
  /** Matches what one source opens beyond the rate. */
  readonly beyondPerSource?: { readonly name: string; readonly perSecond: number; readonly burst: number } | undefined;
  /** `no-route-back`: the answer would leave by another interface; `other-leg`: the address is on another interface. */
  readonly route?: 'no-route-back' | 'other-leg' | undefined;
  readonly verdict: Verdict;
}

export type Verdict =
  | { readonly kind: 'accept' | 'drop' }
  | { readonly kind: 'log'; readonly prefix: string }
  | { readonly kind: 'destination-nat' | 'source-nat'; readonly address: string };

export interface AddressMatch {
  readonly prefixes: readonly string[];
  /** Matches all but these. */
  readonly negated: boolean;
}

export type IcmpType =
  | 'destination-unreachable'
  | 'packet-too-big'
  | 'time-exceeded'
  | 'parameter-problem'
  | 'echo-request'
  | 'nd-router-solicit'
  | 'nd-router-advert'
  | 'nd-neighbor-solicit'
  | 'nd-neighbor-advert'
  | 'mld-listener-query'
  | 'mld2-listener-report';

export type Hook = 'prerouting' | 'input' | 'forward' | 'output' | 'postrouting';

export interface Chain {
  readonly name: string;
  readonly kind: 'filter' | 'nat';
  readonly hook: Hook;
  /** As nftables writes it: `raw`, `filter`, `dstnat`, `srcnat`, `srcnat + 10`. */
  readonly priority: string;
  readonly policy: 'accept' | 'drop';
  readonly rules: readonly Rule[];
}

/** All rules of one firewall or host. */
export interface RuleSet {
  readonly owner: string;
  readonly chains: readonly Chain[];
}

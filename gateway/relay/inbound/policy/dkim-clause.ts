import type { DkimResult } from '../../dkim/verify.ts';

/** RFC 2045 §5.1: what needs no quotes. */
const TOKEN = /^[!#$%&'*+\-.0-9A-Z^_`a-z{|}~]+$/;

/** A DKIM result as Authentication-Results writes it (RFC 8601 §2.7.1; `header.b` by RFC 6008 tells several signatures apart). */
export function dkimClause({
  result,
  comment,
  domain,
  selector,
  algorithm,
  signature,
  unsignedOctets,
}: DkimResult): string {
  const words = [`dkim=${result}`];
  const remark = unsignedOctets > 0 ? `${unsignedOctets} octets of the body are not signed` : comment;
  if (remark !== undefined) words.push(`(${remark})`);
  const properties = { d: domain, s: selector, a: algorithm, b: signature?.slice(0, 8) };
  for (const [name, value] of Object.entries(properties)) {
    if (value !== undefined)
      words.push(`header.${name}=${TOKEN.test(value) ? value : `"${value.replace(/["\\]/g, '')}"`}`);
  }
  return words.join(' ');
}

import { createHash, createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { spf } from 'mailauth/lib/spf/index.js';
import type { RelayConfig } from '../relay/config.ts';
import { pointerName } from '../relay/dns/client-address.ts';
import {
  addressesOf,
  type DnsAnswer,
  exchangers,
  type Resolver,
  type TlsaRecord,
  textRecords,
  texts,
} from '../relay/dns/resolver.ts';
import { dkimRecord } from '../relay/outbound/dkim-record.ts';
import { policyId } from '../relay/outbound/mta-sts-policy.ts';

/** One record that a domain needs, and what the DNS says of it. */
export interface RecordFinding {
  readonly name: string;
  readonly type: 'MX' | 'A' | 'PTR' | 'TXT' | 'TLSA';
  readonly purpose: string;
  /** What should stand there. */
  readonly wanted: string;
  /** `advised`: nothing is there, and mail works all the same. */
  readonly verdict: 'ok' | 'missing' | 'wrong' | 'advised' | 'unknown';
  /** What stands there instead, or why nothing is known. */
  readonly found?: string | undefined;
}

type Config = Pick<RelayConfig, 'hostname' | 'smtp' | 'outbound'>;

/** The records of a domain whose mail this gateway takes and sends, each with its verdict. */
export async function checkDomain(domain: string, config: Config, resolver: Resolver): Promise<RecordFinding[]> {
  const findings = await Promise.all([
    exchanger(domain, config, resolver),
    addresses(config, resolver),
    senderPolicy(domain, config, resolver),
    signingKeys(domain, config, resolver),
    dmarc(domain, resolver),
    transportPolicy(domain, resolver),
    reports(domain, resolver),
    certificate(config, resolver),
  ]);
  return findings.flat();
}

async function exchanger(domain: string, { hostname }: Config, resolver: Resolver): Promise<RecordFinding[]> {
  const answer = await resolver.query(domain, 'MX');
  const names = exchangers(answer).map(({ exchange }) => exchange.toLowerCase());
  const right = names.includes(hostname.toLowerCase());
  return [finding(domain, 'MX', 'mail for the domain comes here', `10 ${hostname}.`, answer, right, names.join(' '))];
}

/** The name of the gateway leads to its addresses, and each address back to the name (RFC 1912 §2.1). */
async function addresses({ hostname }: Config, resolver: Resolver): Promise<RecordFinding[]> {
  const answer = await addressesOf(resolver, hostname);
  const found = texts(answer);
  const forward = finding(hostname, 'A', 'where the gateway is', 'its public address', answer, found.length > 0, '');
  const back = found.map(async (address) => {
    const name = pointerName(address);
    const pointer = await resolver.query(name, 'PTR');
    const names = texts(pointer).map((text) => text.toLowerCase().replace(/\.$/, ''));
    const right = names.includes(hostname.toLowerCase());
    return finding(
      name,
      'PTR',
      `${address} is called what it greets as`,
      `${hostname}.`,
      pointer,
      right,
      names.join(' '),
    );
  });
  return [forward, ...(await Promise.all(back))];
}

/** RFC 7208: mail of the domain may come from the addresses of the gateway. */
async function senderPolicy(domain: string, { hostname }: Config, resolver: Resolver): Promise<RecordFinding[]> {
  const answer = await resolver.query(domain, 'TXT');
  const records = textRecords(answer).filter((text) => /^v=spf1(?: |$)/i.test(text));
  const wanted = `v=spf1 a:${hostname} -all`;
  const purpose = 'the gateway may send for the domain (SPF)';
  if (records.length !== 1) {
    return [finding(domain, 'TXT', purpose, wanted, answer, false, records.join(' and '))];
  }
  const results = await Promise.all(
    texts(await addressesOf(resolver, hostname)).map((ip) => spfResult(ip, domain, hostname, resolver)),
  );
  const right = results.length > 0 && results.every((result) => result === 'pass');
  return [
    finding(domain, 'TXT', purpose, wanted, answer, right, `${records[0]} (${results.join(' ')} for the gateway)`),
  ];
}

async function spfResult(ip: string, domain: string, hostname: string, resolver: Resolver): Promise<string> {
  const result = await spf({
    ...{ ip, helo: hostname, sender: `postmaster@${domain}`, mta: hostname },
    resolver: async (name: string, type: string) => {
      const answer = await resolver.query(name, type as 'TXT');
      if (answer.kind === 'found') return answer.records as string[];
      throw Object.assign(new Error(name), { code: answer.kind === 'none' ? 'ENOTFOUND' : 'ETIMEOUT' });
    },
  });
  return result.status.result;
}

async function signingKeys(domain: string, { outbound }: Config, resolver: Resolver): Promise<RecordFinding[]> {
  const keys = outbound?.dkim[domain] ?? [];
  if (keys.length === 0) {
    const wanted = `postern-gateway dkim new ${domain} --folder FOLDER`;
    return [
      {
        name: `…._domainkey.${domain}`,
        type: 'TXT',
        purpose: 'signatures (DKIM)',
        wanted,
        verdict: 'missing',
        found: 'no key is set for the domain',
      },
    ];
  }
  return Promise.all(
    keys.map(async ({ selector, key }) => {
      const wanted = dkimRecord(createPublicKey(createPrivateKey(readFileSync(key, 'utf8'))));
      const name = `${selector}._domainkey.${domain}`;
      const answer = await resolver.query(name, 'TXT');
      const found = textRecords(answer);
      const keyOf = (text: string): string | undefined =>
        /(?:^|;)\s*p=\s*([A-Za-z0-9+/=\s]*)/.exec(text)?.[1]?.replace(/\s/g, '');
      const right = found.length === 1 && keyOf(found[0] ?? '') === keyOf(wanted);
      return finding(name, 'TXT', 'the key of signatures (DKIM)', wanted, answer, right, found.join(' '));
    }),
  );
}

async function dmarc(domain: string, resolver: Resolver): Promise<RecordFinding[]> {
  const name = `_dmarc.${domain}`;
  const answer = await resolver.query(name, 'TXT');
  const found = textRecords(answer).filter((text) => /^v=DMARC1\s*(?:;|$)/.test(text));
  const wanted = `v=DMARC1; p=quarantine; rua=mailto:postmaster@${domain}`;
  return [
    finding(
      name,
      'TXT',
      'what others do with mail that is not ours (DMARC)',
      wanted,
      answer,
      found.length === 1,
      found.join(' '),
    ),
  ];
}

/** RFC 8461 §3.1. The policy itself stands at https://mta-sts.DOMAIN/.well-known/mta-sts.txt. */
async function transportPolicy(domain: string, resolver: Resolver): Promise<RecordFinding[]> {
  const name = `_mta-sts.${domain}`;
  const answer = await resolver.query(name, 'TXT');
  const found = textRecords(answer);
  const wanted = `v=STSv1; id=${new Date().toISOString().slice(0, 10).replaceAll('-', '')}`;
  return [
    advised(
      finding(
        name,
        'TXT',
        'others send by TLS alone (MTA-STS)',
        wanted,
        answer,
        policyId(found) !== undefined,
        found.join(' '),
      ),
    ),
  ];
}

/** RFC 8460 §3. */
async function reports(domain: string, resolver: Resolver): Promise<RecordFinding[]> {
  const name = `_smtp._tls.${domain}`;
  const answer = await resolver.query(name, 'TXT');
  const found = textRecords(answer);
  const right = found.length === 1 && /^v=TLSRPTv1\s*;\s*rua=(?:mailto|https):/.test(found[0] ?? '');
  const wanted = `v=TLSRPTv1; rua=mailto:postmaster@${domain}`;
  return [
    advised(finding(name, 'TXT', 'others report failures of TLS (TLS-RPT)', wanted, answer, right, found.join(' '))),
  ];
}

/** RFC 7672 §3.1.1: the key of the gateway's certificate; it is of use where the zone is signed. */
async function certificate({ hostname, smtp }: Config, resolver: Resolver): Promise<RecordFinding[]> {
  const key = new X509Certificate(readFileSync(smtp.tls.cert)).publicKey.export({ type: 'spki', format: 'der' });
  const wanted = `3 1 1 ${createHash('sha256').update(key).digest('hex')}`;
  const name = `_25._tcp.${hostname}`;
  const answer = await resolver.query(name, 'TLSA');
  const found = answer.kind === 'found' ? answer.records.filter(isTlsa).map(tlsaText) : [];
  return [
    advised(
      finding(
        name,
        'TLSA',
        'the certificate of the gateway (DANE)',
        wanted,
        answer,
        found.includes(wanted),
        found.join(', '),
      ),
    ),
  ];
}

function isTlsa(record: unknown): record is TlsaRecord {
  return typeof record === 'object' && record !== null && 'matchingType' in record;
}

function tlsaText({ usage, selector, matchingType, data }: TlsaRecord): string {
  return `${usage} ${selector} ${matchingType} ${data.toString('hex')}`;
}

function finding(
  name: string,
  type: RecordFinding['type'],
  purpose: string,
  wanted: string,
  answer: DnsAnswer,
  right: boolean,
  found: string,
): RecordFinding {
  const base = { name, type, purpose, wanted };
  if (answer.kind === 'unknown') return { ...base, verdict: 'unknown', found: answer.cause };
  if (right) return { ...base, verdict: 'ok', found };
  return found === '' ? { ...base, verdict: 'missing' } : { ...base, verdict: 'wrong', found };
}

/** Mail works without. */
function advised(one: RecordFinding): RecordFinding {
  return one.verdict === 'missing' ? { ...one, verdict: 'advised' } : one;
}

import { Resolver } from 'node:dns/promises';

export interface DnsRecord {
  readonly type: string;
  readonly name: string;
  /** As it should be. */
  readonly value: string;
  /** What the DNS says. */
  readonly found: readonly string[];
  /** `unknown`: the DNS does not answer here. */
  readonly state: 'right' | 'other' | 'missing' | 'unknown';
}

const TIMEOUT_MS = 2_000;

/** The records by which mail for a domain comes to the gateways and mail from it is believed (RFC 5321 §5, RFC 7208, RFC 7489). */
export async function checkDns(domain: string, mailHosts: readonly string[]): Promise<DnsRecord[]> {
  const resolver = new Resolver({ timeout: TIMEOUT_MS, tries: 1 });
  const ask = async (question: () => Promise<string[]>): Promise<string[] | undefined> => {
    try {
      return await question();
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      return code === 'ENOTFOUND' || code === 'ENODATA' ? [] : undefined;
    }
  };
  const texts = (name: string) => async (): Promise<string[]> =>
    (await resolver.resolveTxt(name)).map((parts) => parts.join(''));
  const [mx, spf, dmarc] = await Promise.all([
    ask(async () => (await resolver.resolveMx(domain)).map(({ exchange }) => exchange.toLowerCase())),
    ask(texts(domain)),
    ask(texts(`_dmarc.${domain}`)),
  ]);
  const judged = (
    type: string,
    name: string,
    value: string,
    found: string[] | undefined,
    right: (text: string) => boolean,
  ): DnsRecord => ({
    type,
    name,
    value,
    found: found ?? [],
    state: found === undefined ? 'unknown' : found.length === 0 ? 'missing' : found.some(right) ? 'right' : 'other',
  });
  const hosts = mailHosts.length > 0 ? mailHosts : ['<gateway>'];
  return [
    ...hosts.map((host, index) =>
      judged('MX', domain, `${(index + 1) * 10} ${host}.`, mx, (name) => name === host.toLowerCase()),
    ),
    judged(
      'TXT',
      domain,
      'v=spf1 mx -all',
      spf?.filter((text) => /^v=spf1\b/i.test(text)),
      () => true,
    ),
    judged(
      'TXT',
      `_dmarc.${domain}`,
      `v=DMARC1; p=quarantine; rua=mailto:postmaster@${domain}`,
      dmarc?.filter((text) => /^v=DMARC1\b/i.test(text)),
      () => true,
    ),
  ];
}

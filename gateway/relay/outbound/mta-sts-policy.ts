/** An MTA-STS policy (RFC 8461 §3.2). */
export interface StsPolicy {
  readonly mode: 'enforce' | 'testing' | 'none';
  readonly mx: readonly string[];
  readonly maxAgeMs: number;
  /** The lines as they were, for reports (RFC 8460 §4.4). */
  readonly lines: readonly string[];
}

/** RFC 8461 §3.2: a year at most. */
const MAX_AGE_SECONDS = 31_557_600;

/** Id of the policy in the TXT records of `_mta-sts.domain` (RFC 8461 §3.1); undefined unless exactly one is there. */
export function policyId(records: readonly string[]): string | undefined {
  const ours = records.filter((text) => /^v=STSv1[ \t]*;/.test(text));
  const [only] = ours;
  if (only === undefined || ours.length > 1) return undefined;
  return /;[ \t]*id=([A-Za-z0-9]{1,32})[ \t]*(?:;|$)/.exec(only)?.[1];
}

/** Reads a policy; undefined when it is none. */
export function parsePolicy(text: string): StsPolicy | undefined {
  const lines = text
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter(Boolean);
  const fields = lines.map((line) => /^([A-Za-z0-9_.-]{1,32}):\s*(.*)$/.exec(line));
  const values = (key: string): string[] => fields.flatMap((f) => (f?.[1] === key ? [f[2]?.trim() ?? ''] : []));
  const [version] = values('version');
  const [mode] = values('mode');
  const [maxAge = ''] = values('max_age');
  const mx = values('mx').map((pattern) => pattern.toLowerCase().replace(/\.$/, ''));
  if (version !== 'STSv1' || !isMode(mode) || !/^\d{1,10}$/.test(maxAge)) return undefined;
  if (mode !== 'none' && (mx.length === 0 || !mx.every(isPattern))) return undefined;
  return { mode, mx, maxAgeMs: Math.min(Number(maxAge), MAX_AGE_SECONDS) * 1_000, lines: lines.slice(0, 100) };
}

/** RFC 8461 §4.1: `*.example.net` stands for one label in front. */
export function policyNames({ mx }: Pick<StsPolicy, 'mx'>, host: string): boolean {
  const name = host.toLowerCase();
  return mx.some((pattern) =>
    pattern.startsWith('*.') ? name.slice(name.indexOf('.')) === pattern.slice(1) : name === pattern,
  );
}

function isMode(text: string | undefined): text is StsPolicy['mode'] {
  return text === 'enforce' || text === 'testing' || text === 'none';
}

function isPattern(text: string): boolean {
  return /^(?:\*\.)?[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*$/.test(text);
}

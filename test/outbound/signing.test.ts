import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { dkimCommand } from '@postern/gateway/cli/dkim.ts';
import { connectSmtp } from '@postern/shared/smtp/client.ts';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { parse } from 'yaml';
import {
  letter,
  type OutboundRelay,
  PATIENCE,
  PUBLIC_LEG,
  type Surroundings,
  startOutboundRelay,
  startSurroundings,
  USER1,
} from './outbound-relay.ts';

/** What leaves: signed, sealed, rewritten and silent about the inside; judged by other people's verifiers. */
let around: Surroundings;
let relay: OutboundRelay;
let folder: string;
/** Key records as the command printed them, by name. */
const records = new Map<string, string>();

const _TAMPERED = `try:
    print(dkim.DKIM(message.replace(b'Hello', b'Hullo')).verify(0, dnsfunc=txt))
except dkim.ValidationError as error:
    print(error)`;
const TAMPERED = `try:
    print(dkim.DKIM(message.replace(b'Hello', b'Hullo')).verify(0, dnsfunc=txt))
except dkim.ValidationError as error:
    print(error)`;
const FORWARDED = 'someone@elsewhere.example';

beforeAll(async () => {
  around = await startSurroundings();
  folder = mkdtempSync(join(tmpdir(), 'postern-keys-'));
  const dkim: Record<string, unknown> = {};
  for (const domain of ['domain1.example', 'our.example']) {
    const lines: string[] = [];
    const keep = (text: string): void => void lines.push(text);
    const terminal = { print: keep, complain: keep };
    expect(await dkimCommand.run(['new', domain, '--folder', folder, '--selector', 'test'], terminal)).toBe(0);
    const said = lines.join('\n');
    for (const [, name = '', strings = ''] of said.matchAll(/^(\S+)\. TXT \( (.*) \)$/gm)) {
      records.set(name, [...strings.matchAll(/"([^"]*)"/g)].map(([, text]) => text).join(''));
    }
    const [, yaml = ''] = said.split(/^dkim:$/m);
    Object.assign(dkim, parse(yaml));
  }
  const { dns, remote } = around;
  for (const [name, text] of records) dns.zone.set(`TXT ${name}`, [text]);
  dns.zone.set('MX elsewhere.example', ['mx.elsewhere.example']);
  dns.zone.set('A mx.elsewhere.example', ['127.0.1.70']);
  dns.zone.set('MX sender.example', ['mx.elsewhere.example']);
  dns.zone.set('TXT sender.example', ['v=spf1 ip4:127.0.0.9 -all']);
  await remote.add('127.0.1.70');
  const [own] = dkim['our.example'] as [{ selector: string; key: string }];
  relay = await startOutboundRelay(
    around,
    {
      dkim: { 'domain1.example': dkim['domain1.example'] },
      arc: { domain: 'our.example', ...own },
      srs: { domain: 'our.example', secrets: ['a secret of the tests'] },
    },
    { policy: { trustedNetworks: [] } },
  );
});

afterAll(async () => {
  await relay?.stop();
  await around?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const arrivedWith = (mark: string) =>
  vi.waitFor(() => {
    const [found] = around.remote.with(mark);
    if (found === undefined) throw new Error(`${mark} has not arrived`);
    return found;
  }, PATIENCE);

/** Runs python3-dkim on a message, with the DNS that was printed. */
function python(script: string, message: string): string {
  const file = join(folder, 'message');
  writeFileSync(file, message, 'latin1');
  const known = JSON.stringify(Object.fromEntries([...records].map(([name, text]) => [`${name}.`, text])));
  const text = `import dkim, json, sys
records = json.loads(sys.argv[1])
def txt(name, timeout=5):
    return records.get(name.decode() if isinstance(name, bytes) else name, '').encode()
message = open(sys.argv[2], 'rb').read()
${script}`;
  const { status, stdout, stderr } = spawnSync('/usr/bin/python3', ['-c', text, known, file], { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
  return stdout.trim();
}

describe('mail of our own domain', () => {
  it('carries signatures by RSA and Ed25519 that python3-dkim finds good', async () => {
    await relay.handOver(letter('signed'), { to: ['x@elsewhere.example'] });
    const { content, from } = await arrivedWith('signed');
    expect(from).toBe(USER1);
    expect(content.match(/^DKIM-Signature: /gm)).toHaveLength(2);
    expect(python('d = dkim.DKIM(message)\nprint(d.verify(0, dnsfunc=txt), d.verify(1, dnsfunc=txt))', content)).toBe(
      'True True',
    );
    expect(python(TAMPERED, content)).toContain('body hash mismatch');
  });

  it('is silent about hosts inside, and keeps as many Received fields', async () => {
    const inside = [
      'Received: from pc7.corp.example (pc7.corp.example [10.20.2.7])\r\n\tby hub.corp.example with ESMTPSA id abc123;\r\n\tMon, 02 Nov 2026 10:00:00 +0000',
      'Received: from outside.example (outside.example [192.0.2.8])\r\n\tby list.example with ESMTP id 77;\r\n\tMon, 02 Nov 2026 09:00:00 +0000',
    ];
    await relay.handOver(letter('silent', ...inside), { to: ['x@elsewhere.example'] });
    const { content } = await arrivedWith('silent');
    expect(content.match(/^Received: /gm)).toHaveLength(3);
    expect(content).not.toMatch(/pc7|10\.20\.2\.7/);
    expect(content).toContain('by internal.invalid with ESMTPSA id abc123');
    expect(content).toContain('outside.example [192.0.2.8]');
  });

  it('goes round at most so many times', async () => {
    const hops = Array.from(
      { length: 50 },
      (_, i) => `Received: by h${i}.example with SMTP; Mon, 02 Nov 2026 10:00:00 +0000`,
    );
    const [outcome] = await relay.handOver(letter('round', ...hops), { to: ['x@elsewhere.example'] });
    expect(outcome?.reply).toMatchObject({ code: 554, enhanced: '5.4.6' });
  });
});

describe('mail that an alias sends on', () => {
  it('leaves by the queue with a sender of ours and our seal, which python3-dkim finds good; its bounce finds back', async () => {
    const connection = await connectSmtp({
      ...{ host: PUBLIC_LEG, port: relay.relay.ports[0] ?? 0, localAddress: '127.0.0.9', protocol: 'smtp' },
      ...{ heloName: 'mail.sender.example', tls: { mode: 'none' } },
    });
    const content =
      'From: A <a@sender.example>\r\nSubject: forwarded\r\nMessage-ID: <f@sender.example>\r\n\r\nHello.\r\n';
    const envelope = {
      reversePath: 'a@sender.example',
      body: '7BIT',
      smtpUtf8: false,
      recipients: [{ address: 'both@domain1.example' }],
    } as const;
    const [outcome] = await connection.send(envelope, Buffer.from(content));
    expect(outcome?.reply.code).toBe(250);
    const { from, to, content: left } = await arrivedWith('forwarded');
    expect(to).toEqual([FORWARDED]);
    expect(from).toMatch(/^SRS0=.*=sender\.example=a@our\.example$/);
    expect(left).toMatch(/^ARC-Authentication-Results: i=1; mx\.our\.example;[\s\S]*?spf=pass/m);
    expect(python('print(dkim.arc_verify(message, dnsfunc=txt)[0].decode())', left)).toBe('pass');
    const bounce = { ...envelope, reversePath: '', recipients: [{ address: from }] };
    const [answer] = await connection.send(bounce, Buffer.from('Subject: bounce-back\r\n\r\nNo.\r\n'));
    expect(answer?.reply.code).toBe(250);
    await connection.quit();
    expect(await arrivedWith('bounce-back')).toMatchObject({ from: '', to: ['a@sender.example'] });
  });
});

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { parseDialogue, playDialogue } from './dialogue.ts';
import { services, stopSharedServices } from './services.ts';

const here = import.meta.dirname;
const folders = readdirSync(here, { withFileTypes: true }).filter((entry) => entry.isDirectory());

afterAll(stopSharedServices);

describe.each(folders.map(({ name }) => name))('%s', (protocol) => {
  const files = readdirSync(join(here, protocol)).filter((name) => name.endsWith('.dialogue'));

  it('has a service and dialogues', () => {
    expect(Object.keys(services)).toContain(protocol);
    expect(files.length).toBeGreaterThan(0);
  });

  it.each(files)('%s', async (file) => {
    const path = join(protocol, file);
    const dialogue = parseDialogue(path, readFileSync(join(here, path), 'utf8'));
    const start = services[protocol];
    if (start === undefined) throw new Error(`nobody starts ${protocol}`);
    const service = await start(dialogue.settings);
    try {
      const heard: string[] = [];
      await playDialogue(dialogue, async (n) => {
        const socket = await service.open(n);
        socket.on('data', (chunk: Buffer) => heard.push(chunk.toString()));
        return socket;
      });
      if (['smtp', 'lmtp', 'relay'].includes(protocol)) expectOneStatusEach(heard.join('').split('\r\n'));
    } finally {
      await service.close();
    }
  });
});

/** RFC 2034 §4: one enhanced status in each reply of a command but EHLO, HELO, LHLO and DATA; none in the greeting. */
function expectOneStatusEach(lines: readonly string[]): void {
  for (const line of lines) {
    if (/^(?:220 gateway|250-|250 (?:gateway\.test|[A-Z0-9]+$)|354 )/.test(line) || line === '') continue;
    expect(line).toMatch(/^([245])\d\d \1\.\d{1,3}\.\d{1,3} (?!.*\b[245]\.\d{1,3}\.\d{1,3}\b)/);
  }
}

describe('the runner itself', () => {
  const play = async (text: string): Promise<void> => {
    const service = await services.smtp?.({});
    if (service === undefined) throw new Error('no service');
    try {
      await playDialogue(parseDialogue('x.dialogue', text), service.open);
    } finally {
      await service.close();
    }
  };

  it('says file, line, what was expected and what was heard', async () => {
    await expect(play('S: 220 *\nC: NOOP\nS: 251 *\n')).rejects.toThrow(
      /x\.dialogue:3: expected 251 \*\n +heard 250 2\.0\.0 OK/,
    );
    await expect(play('S: 220 *\nC: QUIT\nS: 221 *\nS: more\n')).rejects.toThrow(/heard the end of the connection/);
    await expect(play('S: 220 *\nC: NOOP\nS. (closed)\n')).rejects.toThrow(/expected the end of the connection/);
    await expect(play('S: 220 *\nC: EHLO x\nS~ 250-PIPELINING\nS~ 250-nothing\n')).rejects.toThrow(/expected one of/);
  });

  it('refuses a line that is no step', () => {
    expect(() => parseDialogue('x', 'S: ok\nQ: what\n')).toThrow('x:2: not a step');
  });
});

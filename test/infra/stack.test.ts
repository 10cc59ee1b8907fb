import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type PartName, startStack, type TestStack } from '../support/stack.ts';

let stack: TestStack;
beforeAll(async () => {
  stack = await startStack({
    relay: (settings) => ({ ...settings, limits: { ...settings.limits, maxMessageBytes: 4_321_000 } }),
  });
});
afterAll(() => stack.stop());

/** What the gateway says to EHLO. */
function ehlo(): Promise<string> {
  const { host, port } = stack.endpoints.smtp;
  return new Promise((done, fail) => {
    const socket = connect({ host, port });
    let said = '';
    socket.setEncoding('latin1').on('data', (text) => {
      said += text;
      if (/^220 /.test(said) && !said.includes('250')) socket.write('EHLO client.example\r\n');
      if (/^250 /m.test(said) && !socket.writableEnded) socket.end('QUIT\r\n');
    });
    socket.once('close', () => done(said));
    socket.once('error', fail);
  });
}

test('the gateway answers with the settings that the test asked for', async () => {
  expect(await ehlo()).toContain('SIZE 4321000');
});

test.each<PartName>(['relay', 'store', 'directory', 'database'])('%s can be killed and comes back', async (name) => {
  const before = stack.pid(name);
  await stack.kill(name);
  await stack.restart(name);
  expect(stack.pid(name)).not.toBe(before);
  expect(await ehlo()).toContain('SIZE');
});

test('settings change with a restart', async () => {
  await stack.restart('relay', {
    relay: (settings) => ({ ...settings, limits: { ...settings.limits, maxMessageBytes: 1_234_000 } }),
  });
  expect(await ehlo()).toContain('SIZE 1234000');
});

test('the end leaves no process and no folder', async () => {
  const other = await startStack({ without: ['relay'], directory: 'embedded' });
  const pids = (['store', 'directory', 'database'] as const).map((name) => other.pid(name));
  expect(() => other.pid('relay')).toThrow('relay is down');
  process.kill(other.pid('store'), 'SIGSTOP');
  await other.stop();
  for (const pid of pids) expect(() => process.kill(pid, 0)).toThrow('ESRCH');
  expect(existsSync(other.folder)).toBe(false);
});

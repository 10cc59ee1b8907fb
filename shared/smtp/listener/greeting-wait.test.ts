import { expect, it } from 'vitest';
import { networkOf, PatientClients } from './greeting-wait.ts';

it('remembers a client for a day, and no more clients than its bound', () => {
  const clients = new PatientClients();
  clients.remember('192.0.2.1', 0);
  expect(clients.knows('192.0.2.1', 86_399_999)).toBe(true);
  expect(clients.knows('192.0.2.1', 86_400_000)).toBe(false);
  expect(clients.knows('192.0.2.2', 0)).toBe(false);
  for (let i = 0; i < 20_000; i++) clients.remember(`10.0.${i >> 8}.${i & 255}`, 1);
  expect(clients.size).toBe(10_000);
  expect(clients.knows('192.0.2.1', 1)).toBe(false);
  clients.forget('10.0.78.1');
  expect(clients.knows('10.0.78.1', 1)).toBe(false);
});

it.each([
  ['192.0.2.1', '192.0.2.1'],
  ['2001:db8::1', '2001:db8:0:0'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
  ['2001:0db8:1:2::9', '2001:db8:1:2'],
  ['::1', '0:0:0:0'],
])('counts %s to %s', (address, network) => {
  expect(networkOf(address)).toBe(network);
});

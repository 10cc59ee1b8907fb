import { describe, expect, it } from 'vitest';
import { deliveryPeer } from './peers.ts';

const certificate = (commonName: string, ...dnsNames: string[]) => ({ commonName, dnsNames, fingerprint256: '00' });

describe('deliveryPeer', () => {
  it('knows gateways by name when none are listed', () => {
    expect(deliveryPeer(certificate('relay'), [])).toBe('relay');
    expect(deliveryPeer(certificate('Relay1.dmz.example'), [])).toBe('relay1.dmz.example');
    expect(deliveryPeer(certificate('host7', 'relay.dmz.example'), [])).toBe('relay.dmz.example');
  });

  it('refuses everybody else of the same CA', () => {
    expect(deliveryPeer(undefined, [])).toBeUndefined();
    expect(deliveryPeer(certificate('webmail'), [])).toBeUndefined();
    expect(deliveryPeer(certificate('relayed-by-evil'), [])).toBeUndefined();
    expect(deliveryPeer(certificate('relay-2'), ['relay-1'])).toBeUndefined();
    expect(deliveryPeer(certificate(''), [])).toBeUndefined();
  });

  it('takes the name that the configuration lists, in its order', () => {
    expect(deliveryPeer(certificate('gw', 'b.example', 'a.example'), ['A.example', 'b.example'])).toBe('a.example');
  });
});

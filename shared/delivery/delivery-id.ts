import { randomFillSync } from 'node:crypto';

/**
 * The id of one delivery: 128 random bits as 32 lower-case hex digits. It is made once, when the gateway (or the hub)
 * accepts a transaction, is the queue id that the sender sees in the 250, travels over LMTP as `XDELIVERYID=`, and is
 * committed by the store together with the message (invariant 2).
 */
export type DeliveryId = string;

const ID_BYTES = 16;
/** Random octets for the next ids: fetched together, since each question to the system's generator costs more than an id. */
const random = Buffer.allocUnsafeSlow(256 * ID_BYTES);
let used = random.length;

/** A new random delivery id. */
export function newDeliveryId(): DeliveryId {
  if (used === random.length) {
    randomFillSync(random);
    used = 0;
  }
  used += ID_BYTES;
  return random.toString('hex', used - ID_BYTES, used);
}

/** Whether text has the form of a delivery id. */
export function isDeliveryId(text: string): boolean {
  return /^[0-9a-f]{32}$/.test(text);
}

/** The MAIL FROM parameter, and the LHLO keyword, by which a delivery id crosses the LMTP hop. */
export const DELIVERY_ID_KEYWORD = 'XDELIVERYID';

import type { Reply } from '../reply.ts';
import type { HardenedConnection } from './connection.ts';
import type { RefusalStage } from './session.ts';

/** A refusal of the listener's own: the log hears of it here. Handlers tell of theirs, and know more about them. */
export function refuse(c: HardenedConnection, stage: RefusalStage, r: Reply): Reply {
  c.refused(stage, r, r.text);
  return r;
}

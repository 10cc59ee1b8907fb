import { DestinationPace } from '@postern/shared/delivery/destination-pace.ts';
import type { Carried, Carrier, Schedule } from './carrier.ts';

/** The way outside of a relay whose settings give none (any more): messages wait, and come to their end. */
export class ClosedCarrier implements Carrier {
  readonly pace = new DestinationPace(1);
  readonly proven = false;
  readonly schedule: Schedule;

  constructor(schedule: Schedule) {
    this.schedule = schedule;
  }

  gate(): 'closed' {
    return 'closed';
  }

  send(): Promise<Carried> {
    return Promise.reject(new Error('sent by a way that is closed'));
  }
}

import { afterAll, beforeAll } from 'vitest';
import { describeChanges } from './jmap/changes.ts';
import { describeCore } from './jmap/core.ts';
import { startJmap, stopJmap } from './jmap/fixture.ts';
import { describeInbox } from './jmap/inbox.ts';
import { describeMailboxes } from './jmap/mailboxes.ts';
import { describeMessages } from './jmap/messages.ts';
import { describePush } from './jmap/push.ts';
import { describeSending } from './jmap/sending.ts';
import { describeSettings } from './jmap/settings.ts';
import { describeThirdParty } from './jmap/third-party.ts';

/** JMAP over the running stack: what RFC 8620 and RFC 8621 show by example, and what a second client sees of it. */
beforeAll(startJmap, 120_000);
afterAll(stopJmap, 60_000);

// The inbox is listed while it is empty otherwise.
describeCore();
describeInbox();
describeMessages();
describeMailboxes();
describeSending();
describeSettings();
describeThirdParty();
describePush();
describeChanges();

import type { Call } from '../call.ts';
import { readMailto } from '../mailto.ts';
import { MATCHING_TAGS } from '../matching-tags.ts';
import { Value } from '../message.ts';
import type { Extension, Step } from '../program.ts';
import type { NotifyAction } from '../run.ts';
import { textOf, textsOf } from '../text.ts';

const IMPORTANCES: readonly string[] = ['1', '2', '3'];
const isImportance = (text: string): text is NotifyAction['importance'] => IMPORTANCES.includes(text);

function compileNotify(call: Call): Step {
  const method = call.text(0);
  const message = call.tagText('message');
  const from = call.tagText('from');
  const importance = call.tagText('importance') ?? '2';
  if (typeof method === 'string' && readMailto(method) === undefined) call.fail(`"${method}" is no mailto: address`);
  // RFC 5435 §3.4.
  if (typeof importance === 'string' && !isImportance(importance)) call.fail(':importance takes "1", "2" or "3"');
  return (run) => {
    const uri = textOf(run, method);
    if (readMailto(uri) === undefined) run.fail('the method of a notification is no mailto: address');
    const level = textOf(run, importance);
    run.act({
      kind: 'notify',
      method: uri,
      message: message === undefined ? undefined : textOf(run, message),
      from: from === undefined ? undefined : textOf(run, from),
      importance: isImportance(level) ? level : '2',
    });
  };
}

/** RFC 5435, with the one method of RFC 5436. */
export const enotify: Extension = {
  capability: 'enotify',
  commands: [
    {
      name: 'notify',
      tags: [
        { name: 'from', value: 'string' },
        { name: 'importance', value: 'string' },
        { name: 'options', value: 'strings' },
        { name: 'message', value: 'string' },
      ],
      takes: ['string'],
      compile: compileNotify,
    },
  ],
  tests: [
    {
      name: 'valid_notify_method',
      takes: ['strings'],
      compile(call) {
        const methods = call.texts(0);
        return (run) => textsOf(run, methods).every((method) => readMailto(method) !== undefined);
      },
    },
    {
      name: 'notify_method_capability',
      tags: MATCHING_TAGS,
      takes: ['string', 'string', 'strings'],
      compile(call) {
        const method = call.text(0);
        const capability = call.text(1);
        const matches = call.matcher(2);
        return (run) => {
          if (readMailto(textOf(run, method)) === undefined) return false;
          // RFC 5436 §2.5: whether somebody is online is not known of mail.
          return textOf(run, capability).toLowerCase() === 'online' && matches(run, [new Value('maybe')]);
        };
      },
    },
  ],
};

import { useState } from 'preact/hooks';
import { ask, path } from '../api.ts';
import { Loading, useLoaded } from '../components/loaded.tsx';
import { octets, t, time } from '../i18n.ts';
import { sentenceOf, tell } from '../state.ts';

interface Deleted {
  readonly mailboxes: readonly {
    readonly id: number;
    readonly name: string;
    readonly messages: number;
    readonly deletedAt: string;
  }[];
  readonly messages: readonly {
    readonly mailboxId: number;
    readonly mailbox: string;
    readonly uid: number;
    readonly expungedAt: string;
    readonly sizeBytes: number;
  }[];
}

/** Deleted mail that can still come back. Its content is not shown: who administers an account does not read its mail. */
export function DeletedMail(props: { address: string }) {
  const [open, setOpen] = useState(false);
  return (
    <>
      <h2>{t('Deleted mail')}</h2>
      {open ? (
        <DeletedList address={props.address} />
      ) : (
        <button type="button" onClick={() => setOpen(true)}>
          {t('Show')}
        </button>
      )}
    </>
  );
}

function DeletedList({ address }: { address: string }) {
  const { value, why, reload } = useLoaded<Deleted>(path('accounts', address, 'deleted-mail'));
  if (value === undefined) return <Loading why={why} />;
  const restore = async (body: object): Promise<void> => {
    try {
      await ask('POST', path('accounts', address, 'undelete'), body);
      tell(t('Restored'));
      reload();
    } catch (error) {
      tell(sentenceOf(error), true);
    }
  };
  if (value.mailboxes.length + value.messages.length === 0) return <p class="muted">{t('Nothing found')}</p>;
  return (
    <>
      <ul class="names">
        {value.mailboxes.map(({ id, name, messages }) => (
          <li key={id}>
            {name} ({messages}){' '}
            <button type="button" onClick={() => restore({ mailboxId: id })}>
              {t('Restore')}
            </button>
          </li>
        ))}
        {value.messages.slice(0, 20).map((message) => (
          <li key={`${message.mailboxId}-${message.uid}`}>
            {message.mailbox}, {octets(message.sizeBytes)}, {time(Date.parse(message.expungedAt))}
          </li>
        ))}
      </ul>
      {value.messages.length > 0 && (
        <button
          type="button"
          onClick={() => restore({ messages: value.messages.map(({ mailboxId, uid }) => ({ mailboxId, uid })) })}
        >
          {t('Restore messages: {count}', { count: value.messages.length })}
        </button>
      )}
    </>
  );
}

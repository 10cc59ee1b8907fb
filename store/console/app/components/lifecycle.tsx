import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { ask, Refusal } from '../api.ts';
import { octets, t } from '../i18n.ts';
import { sentenceOf, tell } from '../state.ts';
import { Dialog } from './dialog.tsx';
import { Check, Field, Form } from './form.tsx';

/** What a purge has removed. */
interface Purged {
  readonly accounts: number;
  readonly messages: number;
  readonly bytes: number;
}

/**
 * What becomes of an account or a domain: suspended and restored, deleted in two steps and brought back. Buttons for the head of its
 * page, and the dialogs that they open.
 */
export function Lifecycle(props: {
  /** Path of the API. */
  url: string;
  name: string;
  active: boolean;
  deleted: boolean;
  /** What deleting does, and what else it breaks. */
  onDelete: ComponentChildren;
  /** What a purge takes away. */
  onPurge: ComponentChildren;
  confirmLabel: string;
  reload: () => void;
  purged: () => void;
  /** Further buttons while it is not deleted. */
  children?: ComponentChildren;
}) {
  const { url, name, reload } = props;
  const [dialog, setDialog] = useState<'delete' | 'purge'>();
  const close = (): void => setDialog(undefined);
  const act = (method: string, where: string, body?: object) => async (): Promise<void> => {
    try {
      await ask(method, `${url}${where}`, body);
      tell(t('Saved'));
      reload();
    } catch (error) {
      tell(sentenceOf(error), true);
    }
  };
  return (
    <>
      <div class="actions">
        {props.deleted ? (
          <>
            <button type="button" class="primary" onClick={act('POST', '/restore')}>
              {t('Undo deletion')}
            </button>
            <button type="button" class="danger" onClick={() => setDialog('purge')}>
              {t('Purge for good')}
            </button>
          </>
        ) : (
          <>
            <button type="button" onClick={act('PATCH', '', { active: !props.active })}>
              {props.active ? t('Suspend') : t('Restore')}
            </button>
            {props.children}
            <button type="button" class="danger" onClick={() => setDialog('delete')}>
              {t('Delete')}
            </button>
          </>
        )}
      </div>
      {dialog === 'delete' && (
        <Dialog title={t('Delete {name}?', { name })} onClose={close}>
          <Form
            label={t('Delete')}
            danger
            submit={async () => {
              await ask('DELETE', url);
              close();
              reload();
            }}
          >
            {props.onDelete}
          </Form>
        </Dialog>
      )}
      {dialog === 'purge' && (
        <Dialog title={t('Purge {name}?', { name })} onClose={close}>
          <Form
            label={t('Purge for good')}
            danger
            submit={async ({ confirmed, evenWithinGrace }) => {
              if (confirmed !== name) throw new Refusal(0, { error: 'This is another name', field: 'confirmed' });
              const answer = await ask<Purged>('POST', `${url}/purge`, { evenWithinGrace: evenWithinGrace === 'true' });
              const { accounts, messages, bytes } = answer;
              tell(
                t('Removed: accounts {accounts}, messages {messages}, {bytes}', {
                  accounts,
                  messages,
                  bytes: octets(bytes),
                }),
              );
              props.purged();
            }}
          >
            {props.onPurge}
            <Field label={props.confirmLabel} name="confirmed" required />
            <Check label={t('Even though it could still be undone')} name="evenWithinGrace" checked={false} />
          </Form>
        </Dialog>
      )}
    </>
  );
}

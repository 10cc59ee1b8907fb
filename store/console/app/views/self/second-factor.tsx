import { useState } from 'preact/hooks';
import { ask } from '../../api.ts';
import { Field, Form } from '../../components/form.tsx';
import { Told } from '../../components/loaded.tsx';
import { QrCode } from '../../components/qr-code.tsx';
import { t } from '../../i18n.ts';
import { sentenceOf, tell } from '../../state.ts';
import { Proof } from './proof.tsx';

export function SecondFactor({ on, onDone }: { on: boolean; onDone: () => void }) {
  const [secret, setSecret] = useState<{ secret: string; uri: string }>();
  return (
    <div class="card">
      <h2>
        {t('Second factor')}: {on ? t('on') : t('off')}
      </h2>
      <p class="muted">
        {t(
          'With it your password opens webmail and this console alone, together with a code. Mail programs use app passwords.',
        )}
      </p>
      {on ? (
        <Form
          label={t('Turn off')}
          danger
          submit={({ password, code }) => ask('POST', '/api/self/second-factor/off', { password, code }).then(onDone)}
        >
          <Proof on />
        </Form>
      ) : secret === undefined ? (
        <button
          type="button"
          onClick={async () => {
            try {
              setSecret(await ask('POST', '/api/self/second-factor/secret', {}));
            } catch (error) {
              tell(sentenceOf(error), true);
            }
          }}
        >
          {t('Set up')}
        </button>
      ) : (
        <>
          <p>{t('Scan this with your authenticator, or enter the secret:')}</p>
          <QrCode text={secret.uri} label={t('QR code of the secret')} />
          <Told label={t('Secret')} secret={secret.secret} />
          <p>
            <a href={secret.uri}>{t('Open it in an authenticator on this device')}</a>
          </p>
          <Form
            label={t('Turn on')}
            submit={async ({ password, newCode }) => {
              await ask('PUT', '/api/self/second-factor', { password, secret: secret.secret, newCode });
              setSecret(undefined);
              onDone();
            }}
          >
            <Field
              label={t('Code that it shows')}
              name="newCode"
              inputMode="numeric"
              autocomplete="one-time-code"
              required
            />
            <Proof on={false} />
          </Form>
        </>
      )}
    </div>
  );
}

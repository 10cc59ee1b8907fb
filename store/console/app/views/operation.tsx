import { t } from '../i18n.ts';
import { MessageTrace } from './operation/message-trace.tsx';
import { Quarantine } from './operation/quarantine.tsx';
import { Queues } from './operation/queues.tsx';
import { StoreState } from './operation/store-state.tsx';

export function OperationView() {
  return (
    <section aria-labelledby="operation-title">
      <header class="page-head">
        <h1 id="operation-title">{t('Operation')}</h1>
      </header>
      <div class="cards">
        <StoreState />
        <Queues />
        <Quarantine />
        <MessageTrace />
      </div>
    </section>
  );
}

// POST /gcp/token[/{target}]: the `token_url` of Google's `external_account` files (docs/clouds/google.md). A token exchange like any other, in
// the words of gcp-request.ts and with OAuth's own answers, which are what Google's clients read.

import type { Endpoint, EndpointParts } from './endpoint.ts';
import { receiveForm } from './form-request.ts';
import { googleForm } from './gcp-request.ts';
import { renderOutcome, withNonce } from './wire.ts';

export const gcpSts = (path: string, { issuer, exchange, sentence, nonce }: EndpointParts): Endpoint => ({
  method: 'POST',
  path,
  targets: 'optional',
  serve({ message, arrived, target }, answer) {
    const htu = new URL(issuer).origin + path + (target === undefined ? '' : `/${target}`);
    const proves = message.headers.dpop !== undefined;
    return exchange(
      receiveForm(message, arrived, { form: googleForm(target), htu, transport: 'gcp-sts' }),
      (outcome) => {
        const rendered = renderOutcome(outcome, sentence);
        answer(proves ? withNonce(rendered, nonce()) : rendered);
      },
    );
  },
});

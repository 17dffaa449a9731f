// POST /gcp/token[/{target}]: the `token_url` of Google's `external_account` files (docs/clouds/google.md). A token exchange like any other, in
// the words of gcp-request.ts and with OAuth's own answers, which are what Google's clients read.

import type { Outcome } from '../../core/operation.ts';
import type { Endpoint, EndpointParts } from './endpoint.ts';
import { googleForm } from './gcp-request.ts';
import { serveForm } from './serve-form.ts';
import { renderOutcome } from './wire.ts';

export const gcpSts = (path: string, { issuer, exchange, sentence, nonce }: EndpointParts): Endpoint => ({
  method: 'POST',
  path,
  targets: 'optional',
  serve(arrival, answer) {
    const { target } = arrival;
    const htu = new URL(issuer).origin + path + (target === undefined ? '' : `/${target}`);
    const render = (outcome: Outcome) => renderOutcome(outcome, sentence);
    const endpoint = { operation: exchange, form: googleForm(target), render, transport: 'gcp-sts' } as const;
    return serveForm(endpoint, htu, nonce)(arrival, answer);
  },
});

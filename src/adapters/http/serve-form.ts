// How one endpoint's form becomes its answer, whichever endpoint: received, handed to its operation, rendered; with the newest nonce for a
// caller that proves a key (RFC 9449 §8.2). Decides nothing.

import type { Operation, Outcome } from '../../core/operation.ts';
import type { Transport } from '../../core/request.ts';
import type { Endpoint, EndpointParts } from './endpoint.ts';
import { type Form, receiveForm } from './form-request.ts';
import { type Answer, withNonce } from './wire.ts';

export interface FormEndpoint<Asked, Done> {
  readonly operation: Operation<Asked, Done>;
  readonly form: Form<Asked>;
  readonly render: (outcome: Outcome<Done>) => Answer;
  /** `oauth` unless it is a facade. */
  readonly transport?: Transport;
}

/** `htu`: the endpoint's own address, as a DPoP proof names it. */
export const serveForm =
  <Asked, Done>(
    { operation, form, render, transport = 'oauth' }: FormEndpoint<Asked, Done>,
    htu: string,
    nonce: EndpointParts['nonce'],
  ): Endpoint['serve'] =>
  ({ message, arrived }, answer) => {
    const proves = message.headers.dpop !== undefined;
    return operation(receiveForm(message, arrived, { form, htu, transport }), (outcome) => {
      const rendered = render(outcome);
      answer(proves ? withNonce(rendered, nonce()) : rendered);
    });
  };

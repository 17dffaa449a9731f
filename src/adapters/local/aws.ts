// AWS container credentials (docs/local.md): `GET /aws/credentials/{target}` with the secret in `Authorization`, as it is and without a scheme,
// which every AWS SDK sends where AWS_CONTAINER_CREDENTIALS_FULL_URI names a loopback address. Nothing is said before the secret is shown:
// after a failure an SDK may come again without it.

import { type Endpoint, isSecret, json } from './answer.ts';
import type { AwsCredentials } from './credentials.ts';
import type { Fresh } from './fresh.ts';

const PREFIX = '/aws/credentials/';

export const awsPath = (target: string): string => `${PREFIX}${encodeURIComponent(target)}`;

/** `roles`: by target. */
export function createAwsEndpoint(roles: ReadonlyMap<string, Fresh<AwsCredentials>>, secret: string): Endpoint {
  const byPath = new Map([...roles].map(([target, fresh]) => [awsPath(target), fresh]));
  return Object.freeze({
    has: (path) => path.startsWith(PREFIX),
    async answer({ path, headers }) {
      if (!isSecret(headers.authorization, secret))
        return error(401, 'Unauthorized', 'the Authorization of this request is not the secret of this helper');
      const fresh = byPath.get(path);
      if (!fresh) return error(404, 'NotFound', 'this helper has no such target');
      const served = await fresh.current();
      if (served.ok) return json(200, served.value);
      return served.why === 'refused'
        ? error(403, 'AccessDenied', served.sentence)
        : error(503, 'ServiceUnavailable', served.sentence, { 'retry-after': String(served.retryAfterSeconds) });
    },
  } satisfies Endpoint);
}

/** The form that SDKs read an error in. */
const error = (status: number, code: string, message: string, headers: Readonly<Record<string, string>> = {}) =>
  json(status, { Code: code, Message: message }, headers);

// How a shared store is reached, as configuration says it. Holds paths of secrets and no secret: files are read anew for every
// connection, so that a password or an authority can be replaced without a restart.

export interface StoreAddress {
  readonly host: string;
  readonly port: number;
}

export interface RedisSettings {
  readonly reach:
    | { readonly kind: 'standalone'; readonly address: StoreAddress; readonly database: number }
    | {
        readonly kind: 'sentinel';
        readonly master: string;
        readonly addresses: readonly StoreAddress[];
        /** Of the Sentinels themselves. */
        readonly username: string | undefined;
        readonly passwordFile: string | undefined;
      }
    | { readonly kind: 'cluster'; readonly addresses: readonly StoreAddress[] };
  readonly tls: boolean;
  /** A file of PEM certificates to trust instead of the system's. */
  readonly ca: string | undefined;
  readonly username: string | undefined;
  readonly passwordFile: string | undefined;
  /** What every key begins with: several brokers may share one Redis. */
  readonly prefix: string;
  /** Replicas of Redis that must have a write before it counts. */
  readonly replicas: number;
}

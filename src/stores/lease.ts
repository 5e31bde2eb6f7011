/** Something that one server of a cluster holds at a time, such as the schedule. */
export interface LeaseStore {
  /**
   * Takes the lease if nobody holds it.
   * @param name of the lease; where the server before has a lock of that purpose, its very key
   * @param ttlMs after which a holder that stopped renewing has lost it
   * @returns the lease, or null while another holds it
   */
  acquire(name: string, ttlMs: number): Promise<Lease | null>;
  close(): Promise<void>;
}

/** A lease in hand. */
export interface Lease {
  /** Holds it for another ttl. False where it was lost: what it protects has to stop at once. */
  renew(): Promise<boolean>;
  /** Gives it up, if it is still this holder's. */
  release(): Promise<void>;
}

// Who is signed in, and in which profile they work.

/** @typedef {import('coaching-api').components['schemas']['WhoamiResponse']} Whoami */
/** @typedef {'agent' | 'manager' | 'admin' | 'service'} Role */

/** The key of the profile in session storage. */
const KEPT = 'coaching.profile';

/** The id at the end of a resource's name, such as `ana` of `customers/acme/users/ana`. */
export const idOf = (/** @type {string} */ name) => name.slice(name.lastIndexOf('/') + 1);

class Session {
  /** @type {Whoami | null} what the service says of the person; null: nobody is signed in */
  whoami = null;
  /** @type {string[]} the ids of the profiles that the person may work in, as far as they are known */
  profiles = [];
  /** @type {string} the id of the profile that they work in; empty: none yet */
  profileId = '';

  /**
   * Takes the person whom `whoami` tells of.
   * @param {Whoami} whoami
   * @param {string[]} profiles
   */
  begin(whoami, profiles) {
    this.whoami = whoami;
    this.profiles = profiles;
    const kept = sessionStorage.getItem(KEPT) ?? '';
    this.profileId = profiles.includes(kept) ? kept : (profiles[0] ?? '');
  }

  end() {
    this.whoami = null;
    this.profiles = [];
    this.profileId = '';
    sessionStorage.removeItem(KEPT);
  }

  /** @param {string} id */
  workIn(id) {
    this.profileId = id;
    sessionStorage.setItem(KEPT, id);
  }

  /** @returns {Role} what the person may do */
  get role() {
    return /** @type {Role} */ (this.whoami?.role ?? 'agent');
  }

  /** The customer's id. */
  get customerId() {
    return idOf(this.whoami?.customer ?? '');
  }

  /** The customer's name, such as `customers/acme`. */
  get customerName() {
    return this.whoami?.customer ?? '';
  }

  /** The profile's name, such as `customers/acme/profiles/support`, below which its records have theirs. */
  get profileName() {
    return `${this.customerName}/profiles/${this.profileId}`;
  }

  /** The person's name in the API, such as `customers/acme/users/ana`. */
  get userName() {
    return this.whoami?.userName ?? '';
  }

  /** What the person is called. */
  get displayName() {
    return this.whoami?.user?.displayName ?? idOf(this.userName);
  }
}

/** The one session of this page. */
export const session = new Session();

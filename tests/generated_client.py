"""The life of a session, and progress, by a client that a stock generator made of openapi.json.

Reads the variables of the service's `environment` file; `coaching_service_client` must be on PYTHONPATH.
"""

import os
from datetime import datetime, timezone
from typing import TypeVar

from coaching_service_client import AuthenticatedClient
from coaching_service_client.api.coaching_sessions import (
    acknowledge_session,
    create_session,
    delete_session,
    get_session,
    list_sessions,
    update_session,
)
from coaching_service_client.api.history import list_changes
from coaching_service_client.api.progress import retrieve_progress
from coaching_service_client.models import (
    AcknowledgeSessionRequest,
    CoachingSessionState,
    CreateSessionRequest,
    Error,
    GatewayError,
    OrderDirection,
    RetrieveProgressOrderBy,
    RetrieveProgressRequest,
    UpdateSessionCoachingSession,
    UpdateSessionRequest,
    UpdateSessionResponse,
)
from coaching_service_client.types import UNSET, Response, Unset

PROFILE = "customers/acme/profiles/support"
SESSION = "generated-1"
NAME = f"{PROFILE}/coachingSessions/{SESSION}"


Answer = TypeVar("Answer")


def client(role: str) -> AuthenticatedClient:
    return AuthenticatedClient(
        base_url=os.environ["COACHING_URL"], token=os.environ[f"{role}_TOKEN"], raise_on_unexpected_status=True
    )


def succeeded(response: Response[Answer | Error | GatewayError]) -> Answer:
    answer = response.parsed
    assert response.status_code == 200 and answer is not None and not isinstance(answer, (Error, GatewayError)), answer
    return answer


def given(value: Answer | Unset) -> Answer:
    assert not isinstance(value, Unset)
    return value


def refused(response: Response[Answer | Error | GatewayError], status: int, reason: str) -> None:
    assert response.status_code == status, response.parsed
    assert isinstance(response.parsed, Error)
    reasons = [getattr(detail, "reason", None) for detail in response.parsed.details]
    assert reason in reasons, response.parsed


def sessions(manager: AuthenticatedClient, agent: AuthenticatedClient, admin: AuthenticatedClient) -> None:
    of_session = ("acme", "support", SESSION)

    create = CreateSessionRequest(
        name=NAME,
        agent_user_name="customers/acme/users/ana",
        creator_user_name="customers/acme/users/maria",
        coaching_plan_name=f"{PROFILE}/coachingPlans/ana-plan",
        session_time=datetime(2099, 6, 9, 15, tzinfo=timezone.utc),
    )
    created = succeeded(create_session.sync_detailed("acme", "support", client=manager, body=create))
    assert created.coaching_session.name == NAME
    assert created.coaching_session.state == CoachingSessionState.SCHEDULED
    refused(
        create_session.sync_detailed("acme", "support", client=manager, body=create), 409, "RESOURCE_ALREADY_EXISTS"
    )

    def update(
        session: UpdateSessionCoachingSession, update_mask: str | Unset = UNSET, if_match: str | Unset = UNSET
    ) -> Response[UpdateSessionResponse | Error | GatewayError]:
        body = UpdateSessionRequest(coaching_session=session)
        return update_session.sync_detailed(
            *of_session, client=manager, body=body, update_mask=update_mask, if_match=if_match
        )

    # Submitting comes after the notes.
    submitted = UpdateSessionCoachingSession(manager_submit_time=datetime(2026, 6, 9, 16, tzinfo=timezone.utc))
    refused(update(submitted, update_mask="managerSubmitTime"), 400, "MEETING_NOTES_MISSING")
    noted = UpdateSessionCoachingSession(
        meeting_notes="Two open questions per call.", private_notes="Ready for a senior role."
    )
    held = succeeded(update(noted))
    assert held.coaching_session.state == CoachingSessionState.HELD
    refused(update(noted, if_match=f'"{created.coaching_session.etag}"'), 409, "ETAG_MISMATCH")
    answered = succeeded(
        update(submitted, update_mask="managerSubmitTime", if_match=f'"{held.coaching_session.etag}"')
    )
    assert answered.coaching_session.state == CoachingSessionState.SUBMITTED

    acknowledgement = AcknowledgeSessionRequest(agent_comment="Agreed.", acknowledged=True, submitted=True)
    acknowledged = succeeded(acknowledge_session.sync_detailed(*of_session, client=agent, body=acknowledgement))
    assert acknowledged.coaching_session.state == CoachingSessionState.ACKNOWLEDGED
    seen = succeeded(get_session.sync_detailed(*of_session, client=agent)).coaching_session
    assert seen.agent_comment == "Agreed." and not seen.private_notes
    assert succeeded(get_session.sync_detailed(*of_session, client=manager)).coaching_session.private_notes

    names: list[str] = []
    token: str | Unset = UNSET
    while not names or token:
        page = succeeded(list_sessions.sync_detailed("acme", "support", client=manager, page_size=7, page_token=token))
        names += [session.name for session in page.coaching_sessions]
        token = page.next_page_token
    assert NAME in names and len(names) == len(set(names))

    changes = succeeded(list_changes.sync_detailed("acme", "support", client=manager, name=NAME)).changes
    assert [change.operation for change in changes] == [
        "acknowledge-session",
        "update-session",
        "update-session",
        "create-session",
    ]
    refused(delete_session.sync_detailed(*of_session, client=manager), 400, "SESSION_ACKNOWLEDGED")
    succeeded(delete_session.sync_detailed(*of_session, client=admin))
    refused(get_session.sync_detailed(*of_session, client=manager), 404, "RESOURCE_NOT_FOUND")


def progress(manager: AuthenticatedClient) -> None:
    furthest = RetrieveProgressRequest(
        group_names=["customers/acme/groups/support-team-0"],
        usecase_names=[f"{PROFILE}/usecases/care"],
        scorecard_template_names=[f"{PROFILE}/scorecardTemplates/quality@*"],
        order_by=RetrieveProgressOrderBy.ORDER_BY_GAP,
        order_direction=OrderDirection.ORDER_DIRECTION_DESC,
        page_size=3,
    )
    page = succeeded(retrieve_progress.sync_detailed("acme", "support", client=manager, body=furthest))
    gaps = [given(agent.gap) for agent in page.agent_coaching_progresses]
    assert len(gaps) == 3 and gaps == sorted(gaps, reverse=True) and gaps[0] > 0, gaps
    for agent in page.agent_coaching_progresses:
        for of_target in agent.criterion_progresses:
            assert abs(given(of_target.gap) - (given(of_target.target) - given(of_target.score))) < 1e-9
    assert page.next_page_token and given(page.end_time) > given(page.start_time)


if __name__ == "__main__":
    sessions(client("MANAGER"), client("AGENT"), client("ADMIN"))
    progress(client("MANAGER"))
    print("the generated client did the life of a session, and progress")

"""How long a relay is waited for."""

from workers.transports.smtp import CONVERSATION_TIMEOUT_S
from workers.transports.smtp_connection import FINAL_TIMEOUT_S


def test_the_last_answer_has_the_ten_minutes_of_rfc_5321() -> None:
    # Section 4.5.3.2.6. Whoever waits less sends mails again that the relay has.
    assert FINAL_TIMEOUT_S >= 600
    assert CONVERSATION_TIMEOUT_S > FINAL_TIMEOUT_S

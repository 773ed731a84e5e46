"""What RabbitMQ, and pika on the way to it, have against us, in words for a log."""

from typing import Final

import pika.connection
import pika.exceptions
from pika.adapters.utils.connection_workflow import AMQPConnectionWorkflowFailed, AMQPConnectorPhaseErrorBase

#: AMQP's reply code where a queue is there already, with other arguments.
_PRECONDITION_FAILED: Final = 406


def misfit_of(queue: str, error: pika.exceptions.ChannelClosedByBroker) -> str:
    """Say what RabbitMQ has against a queue as we declare it."""
    advice = "; delete it, it is made anew" if error.reply_code == _PRECONDITION_FAILED else ""
    return f"queue {queue}: {error.reply_text}{advice}"


def reason_of(error: BaseException, parameters: pika.connection.Parameters) -> str:
    """Say why there is no connection, or no longer.

    Args:
        error: what pika says; it wraps the cause in up to three others.
        parameters: of the connection. Only its host and port are said: the rest may hold a password.
    """
    cause: BaseException | None = error
    while cause:
        error, cause = cause, _inner(cause)
    silent = isinstance(error, pika.exceptions.ConnectionOpenAborted)
    told = "it does not answer" if silent else f"{type(error).__name__}: {error}"
    return f"{parameters.host}:{parameters.port}: {told}"


def _inner(error: BaseException) -> BaseException | None:
    if isinstance(error, AMQPConnectionWorkflowFailed):
        return error.exceptions[-1]
    if isinstance(error, AMQPConnectorPhaseErrorBase):
        return error.exception
    if isinstance(error, pika.exceptions.AMQPConnectionError) and error.args and isinstance(error.args[0], Exception):
        return error.args[0]
    return None

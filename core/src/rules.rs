//! The line of the reference that decides where its lines differ.

use crate::wire::code::ResponseCode;

/// Which line of the reference a producer follows where 4.x and 5.x decide differently: after which response codes it
/// tries again, what an attempt's outcome teaches about its broker, and how [`crate::select::FaultStrategy`] chooses queues.
///
/// Both lines speak the same protocol, so either suits either line of brokers. [`Rules::V4`] is for systems that
/// were tuned with clients of that line. With `sendLatencyFaultEnable` off, only the response codes differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Rules {
    /// 4.x, as of 4.9: a success ends isolation at once, and a producer whose brokers are all isolated writes to one of the
    /// better half of them.
    V4,
    /// 5.x, as of 5.3: isolation is short and lasts as long as it was meant to, and a broker that cannot be reached is
    /// avoided beyond that while there is another.
    #[default]
    V5,
}

impl Rules {
    /// Response codes after which the default path tries again (`DefaultMQProducer#retryResponseCodes`).
    pub const fn retry_response_codes(self) -> &'static [ResponseCode] {
        match self {
            Self::V4 => &[
                ResponseCode::TOPIC_NOT_EXIST,
                ResponseCode::SERVICE_NOT_AVAILABLE,
                ResponseCode::SYSTEM_ERROR,
                ResponseCode::NO_PERMISSION,
                ResponseCode::NO_BUYER_ID,
                ResponseCode::NOT_IN_CURRENT_UNIT,
            ],
            Self::V5 => &[
                ResponseCode::TOPIC_NOT_EXIST,
                ResponseCode::SERVICE_NOT_AVAILABLE,
                ResponseCode::SYSTEM_ERROR,
                ResponseCode::SYSTEM_BUSY,
                ResponseCode::NO_PERMISSION,
                ResponseCode::NO_BUYER_ID,
                ResponseCode::NOT_IN_CURRENT_UNIT,
                ResponseCode::GO_AWAY,
            ],
        }
    }
}

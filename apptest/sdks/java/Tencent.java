import com.google.gson.Gson;
import com.tencentcloudapi.common.Credential;
import com.tencentcloudapi.common.exception.TencentCloudSDKException;
import com.tencentcloudapi.common.profile.ClientProfile;
import com.tencentcloudapi.common.profile.HttpProfile;
import com.tencentcloudapi.sms.v20210111.SmsClient;
import com.tencentcloudapi.sms.v20210111.models.PullSmsSendStatus;
import com.tencentcloudapi.sms.v20210111.models.PullSmsSendStatusByPhoneNumberRequest;
import com.tencentcloudapi.sms.v20210111.models.PullSmsSendStatusRequest;
import com.tencentcloudapi.sms.v20210111.models.SendSmsRequest;
import com.tencentcloudapi.sms.v20210111.models.SendSmsResponse;
import com.tencentcloudapi.sms.v20210111.models.SendStatus;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/** Drives Tencent Cloud's Java SDK: takes calls in lines of JSON and tells in lines of JSON what it gave. */
public class Tencent {
    static class Call {
        String endpoint, id, secret, app, sign, template, session, method, algorithm;
        @com.google.gson.annotations.SerializedName("do")
        String what;
        String[] to, params;
        long since;

        Told run() throws TencentCloudSDKException {
            HttpProfile http = new HttpProfile();
            http.setEndpoint(endpoint); // host:port
            http.setProtocol(HttpProfile.REQ_HTTP); // only where there is no TLS
            if (method != null) {
                http.setReqMethod(method);
            }
            ClientProfile profile = new ClientProfile();
            profile.setHttpProfile(http);
            if (algorithm != null) {
                profile.setSignMethod(algorithm);
            }
            SmsClient client = new SmsClient(new Credential(id, secret), "ap-guangzhou", profile);
            Told told = new Told();
            switch (what) {
                case "send": {
                    SendSmsRequest request = new SendSmsRequest();
                    request.setSmsSdkAppId(app);
                    request.setSignName(sign);
                    request.setTemplateId(template);
                    request.setPhoneNumberSet(to);
                    request.setTemplateParamSet(params);
                    request.setSessionContext(session);
                    SendSmsResponse response = client.SendSms(request);
                    for (SendStatus s : response.getSendStatusSet()) {
                        Status x = new Status();
                        x.serial = s.getSerialNo();
                        x.to = s.getPhoneNumber();
                        x.fee = s.getFee();
                        x.session = s.getSessionContext();
                        x.code = s.getCode();
                        x.message = s.getMessage();
                        told.numbers.add(x);
                    }
                    return told;
                }
                case "reports": {
                    PullSmsSendStatusRequest request = new PullSmsSendStatusRequest();
                    request.setSmsSdkAppId(app);
                    request.setLimit(100L);
                    return told(client.PullSmsSendStatus(request).getPullSmsSendStatusSet());
                }
                default: {
                    PullSmsSendStatusByPhoneNumberRequest request = new PullSmsSendStatusByPhoneNumberRequest();
                    request.setSmsSdkAppId(app);
                    request.setPhoneNumber(to[0]);
                    request.setBeginTime(since);
                    request.setOffset(0L);
                    request.setLimit(10L);
                    return told(client.PullSmsSendStatusByPhoneNumber(request).getPullSmsSendStatusSet());
                }
            }
        }
    }

    static class Status {
        String serial, to, session, code, message;
        long fee;
    }

    static class Told {
        String thrown, message;
        List<Status> numbers = new ArrayList<>();
    }

    public static void main(String[] args) throws Exception {
        Gson gson = new Gson();
        PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            Told told;
            try {
                told = gson.fromJson(line, Call.class).run();
            } catch (TencentCloudSDKException e) {
                told = new Told();
                told.thrown = e.getErrorCode();
                told.message = e.getMessage();
            }
            out.println(gson.toJson(told));
        }
    }

    static Told told(PullSmsSendStatus[] list) {
        Told told = new Told();
        for (PullSmsSendStatus s : list) {
            Status x = new Status();
            x.serial = s.getSerialNo();
            x.to = s.getPhoneNumber();
            x.session = s.getSessionContext();
            x.code = s.getReportStatus();
            x.message = s.getDescription();
            told.numbers.add(x);
        }
        return told;
    }
}
